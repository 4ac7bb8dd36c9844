import {
  ACL_OPERATIONS,
  ACL_PATTERN_TYPES,
  ACL_PERMISSIONS,
  ACL_RESOURCE_TYPES,
  type AccessRuleFilter,
  type NewAccessRule,
} from '#libs/core/log';
import { badRequest, refusal } from '../errors.js';
import { membersOf } from '../json-members.js';
import { lastOf, type RawQuery } from '../query.js';
import { emptyBody, requireBody } from './topic-requests.js';

const RULE = new Set([
  'resource_type',
  'resource_name',
  'pattern_type',
  'principal',
  'host',
  'operation',
  'permission',
]);
const BATCH = new Set(['data']);
/** What a deletion must say, `ANY` allowed: nobody deletes all rules by leaving something out. */
const SAID_TO_DELETE = ['resource_type', 'pattern_type', 'operation', 'permission'] as const;

/** `POST /acls` (section 3.7): all seven members. @throws 42206 without a body, 422 for other members, 400 for missing ones and words that name no single thing. */
export function newRuleOf(body: unknown): NewAccessRule {
  requireBody(body);
  return ruleOf(body, 'the body');
}

/** `POST /acls:batch`: `{"data": [...]}`. @throws 42206 without a body or `data`; as {@link newRuleOf} for each. */
export function newRulesOf(body: unknown): readonly NewAccessRule[] {
  requireBody(body);
  const data = membersOf(body, BATCH).list('data');
  if (data === undefined) throw emptyBody();
  return data.map((one) => ruleOf(one, 'an entry of data'));
}

function ruleOf(given: unknown, what: string): NewAccessRule {
  const members = membersOf(given, RULE, what);
  const text = (name: string): string => members.required(name, members.text(name));
  const word = <T extends string>(name: string, words: readonly T[]): T =>
    members.required(name, members.word(name, words));
  return {
    resourceType: word('resource_type', ACL_RESOURCE_TYPES),
    resourceName: text('resource_name'),
    patternType: word('pattern_type', ACL_PATTERN_TYPES),
    principal: text('principal'),
    host: text('host'),
    operation: word('operation', ACL_OPERATIONS),
    permission: word('permission', ACL_PERMISSIONS),
  };
}

/** What a search is for. @throws 404 for a word that is none. */
export function filterOf(query: RawQuery): AccessRuleFilter {
  const [resourceName, principal, host] = ['resource_name', 'principal', 'host'].map((name) => lastOf(query, name));
  const resourceType = wordOf(query, 'resource_type', 'ResourceType', ACL_RESOURCE_TYPES);
  const patternType = wordOf(query, 'pattern_type', 'PatternType', [...ACL_PATTERN_TYPES, 'MATCH'] as const);
  const operation = wordOf(query, 'operation', 'Operation', ACL_OPERATIONS);
  const permission = wordOf(query, 'permission', 'Permission', ACL_PERMISSIONS);
  return {
    ...(resourceName && { resourceName }),
    ...(principal && { principal }),
    ...(host && { host }),
    ...(resourceType && { resourceType }),
    ...(patternType && { patternType }),
    ...(operation && { operation }),
    ...(permission && { permission }),
  };
}

/** What is to be deleted. @throws 400 where one of the four words is not said, 404 for a word that is none. */
export function deletionOf(query: RawQuery): AccessRuleFilter {
  for (const name of SAID_TO_DELETE) {
    if (!lastOf(query, name)) throw badRequest(`Missing required query parameter '${name}'; ANY stands for all.`);
  }
  return filterOf(query);
}

/** In any case; ANY is the same as nothing. @throws 404 for a word that is none, as the reference has it. */
function wordOf<T extends string>(query: RawQuery, name: string, kind: string, words: readonly T[]): T | undefined {
  const given = lastOf(query, name);
  if (given === undefined || given === '' || given.toUpperCase() === 'ANY') return undefined;
  const found = words.find((one) => one === given.toUpperCase());
  if (found === undefined) throw refusal(404, `The valid values for ${kind} do not include '${given}'`);
  return found;
}
