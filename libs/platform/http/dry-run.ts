import { z } from 'zod';

/** Query of a route that can be asked what it would do: rights and state are judged as by the change itself, and nothing changes. */
export const dryRunQuery = z.strictObject({
  dryRun: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe('true: only say whether it would be done, or why it is refused.'),
});
export type DryRunQuery = z.infer<typeof dryRunQuery>;
