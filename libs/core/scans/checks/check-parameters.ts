import type { JsonObject, JsonValue } from '#libs/core/kernel';
import {
  parseSubject,
  subjectText,
  type SchemaQuestion,
  type SettledCheck,
  type SubjectName,
} from '#libs/core/registry';
import { candidateOf, candidateToJson } from '../replay/replay-parameters.js';

/** What is asked about a subject. */
export type CheckRequest = SchemaQuestion & { readonly subject: SubjectName };

export function checkRequestToJson({ subject, referenced, ...question }: CheckRequest): JsonObject {
  const request = {
    ...question,
    subject: subjectText(subject),
    referenced: referenced.map((one) => ({ ...one, subject: subjectText(one.subject) })),
  };
  return JSON.parse(JSON.stringify(request)) as JsonObject;
}

export function checkRequest(json: JsonObject): CheckRequest {
  const { subject, referenced, ...question } = json as unknown as Omit<CheckRequest, 'subject' | 'referenced'> & {
    readonly subject: string;
    readonly referenced: readonly (Omit<CheckRequest['referenced'][number], 'subject'> & {
      readonly subject: string;
    })[];
  };
  return {
    sent: question.sent,
    normalize: question.normalize,
    earlier: undefined,
    policy: question.policy,
    levels: question.levels,
    subject: parseSubject(subject),
    referenced: referenced.map((one) => ({ ...one, subject: parseSubject(one.subject) })),
  };
}

/** What a plan keeps of a check: all of it. */
export function settledToJson({ subject, candidate, ...settled }: SettledCheck): JsonObject {
  return {
    ...(settled as unknown as JsonObject),
    subject: subjectText(subject),
    candidate: candidateToJson(candidate) as JsonValue,
  };
}

export function settledOf(parameters: JsonObject): SettledCheck {
  const settled = parameters as unknown as Omit<SettledCheck, 'subject' | 'candidate'>;
  return { ...settled, subject: parseSubject(parameters['subject'] as string), candidate: candidateOf(parameters) };
}
