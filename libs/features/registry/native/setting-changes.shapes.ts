import { z } from 'zod';
import { config } from './shapes.js';

const subject = z
  .string()
  .max(1_000)
  .describe('A subject; `:.ctx:` for a context, empty for the default one, `:.__GLOBAL:` for all.');

/** Body of `POST /v1/setting-changes:check`. */
export const settingCheckBody = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('set-config'), subject, config }),
  z.strictObject({ kind: z.literal('delete-config'), subject }),
  z.strictObject({
    kind: z.literal('set-mode'),
    subject,
    mode: z.string().max(100).describe('As `PUT /mode` takes it.'),
  }),
  z.strictObject({ kind: z.literal('delete-mode'), subject }),
]);
export type SettingCheckBody = z.infer<typeof settingCheckBody>;

export const settingCheckView = z.object({
  kind: z.enum(['set-config', 'delete-config', 'set-mode', 'delete-mode']),
  subject: z.string(),
  purges: z
    .int()
    .describe('Softly deleted versions that would go for good: an import begins on an empty subject or context.'),
});
export type SettingCheckView = z.infer<typeof settingCheckView>;
