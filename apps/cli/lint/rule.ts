import type { SchemaType } from '#libs/core/schema';

/** A thing that a rule dislikes, at its place in the text. */
export interface LintHit {
  /** Index of the first character. */
  readonly at: number;
  /** Where, in names. */
  readonly path: string;
  readonly message: string;
  /** What stands there. */
  readonly found: string | null;
}

export interface LintSubject {
  readonly subject: string;
  readonly schemaType: SchemaType;
  readonly text: string;
}

/** A rule of naming or style. Ids are public: people look them up, leave them out and ignore them by path. */
export interface LintRule {
  readonly id: string;
  /** `standard` is what is used unless the project says otherwise; `strict` is more than that. */
  readonly category: 'standard' | 'strict';
  readonly severity: 'error' | 'warning' | 'info';
  readonly schemaType: SchemaType | null;
  readonly title: string;
  readonly purpose: string;
  readonly fix: string;
  /** A text that the rule dislikes, and one that it does not. Tested, and shown on the page of the rule. */
  readonly before: string;
  readonly after: string;
  readonly look: (subject: LintSubject) => readonly LintHit[];
}

export const PASCAL = /^[A-Z][A-Za-z0-9]*$/;
export const SNAKE = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
export const CAMEL_OR_SNAKE = /^[a-z][A-Za-z0-9]*(_[a-z0-9]+)*$/;
export const UPPER_SNAKE = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/;
