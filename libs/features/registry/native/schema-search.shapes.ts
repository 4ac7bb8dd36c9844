import { z } from 'zod';
import { MAX_SUBJECT_BYTES } from '#libs/core/registry';
import { pageQuery } from '#libs/platform/http';
import { flag, reference, schemaType, time } from './shapes.js';

const MAX_WORDS = 8;

/** One or several values of a parameter, all of which must hold. */
const words = (what: string) =>
  z
    .union([z.string().max(2_000), z.array(z.string().max(2_000)).max(MAX_WORDS)])
    .transform((value) => (typeof value === 'string' ? [value] : value))
    .optional()
    .describe(what);

/** Query of `GET /v1/schemas`. */
export const searchQuery = z.strictObject({
  prefix: z.string().max(MAX_SUBJECT_BYTES).default('').describe("Beginning of the subject's name."),
  context: z.string().max(MAX_SUBJECT_BYTES).optional().describe('`.` is the default one; all of them when left out.'),
  schemaType: schemaType.optional(),
  field: words('Name of a field anywhere in the schema, or the end of its path: `city`, `address.city`.'),
  name: words('A type that the schema declares, with or without namespace.'),
  tag: words('A tag, in the text of the schema or in its metadata.'),
  owner: words('Value of the metadata property `owner`.'),
  property: words('A metadata property: `name=value`.'),
  versions: z
    .enum(['latest', 'live', 'deleted', 'all'])
    .default('latest')
    .describe('The newest live version of each subject, all live ones, the softly deleted ones, or all.'),
  text: flag.describe('`false` leaves the texts out.'),
  ...pageQuery,
});
export type SearchQuery = z.infer<typeof searchQuery>;

export const foundVersion = z.object({
  subject: z.string().describe('Qualified.'),
  version: z.int(),
  id: z.int(),
  guid: z.string(),
  schemaType,
  deleted: z.boolean(),
  registeredAt: time,
  references: z.array(reference),
  metadata: z.record(z.string(), z.unknown()).nullable(),
  ruleSet: z.record(z.string(), z.unknown()).nullable(),
  schema: z.string().optional().describe('Left out with `text=false`.'),
});
export type FoundVersionView = z.infer<typeof foundVersion>;

export const searchPage = z.object({
  items: z.array(foundVersion),
  next: z
    .string()
    .nullable()
    .describe('Null at the end. A page may hold fewer entries than asked for and have a next one.'),
});
export type SearchView = z.infer<typeof searchPage>;
