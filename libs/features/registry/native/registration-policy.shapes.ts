import { z } from 'zod';
import { registrationPolicy } from './shapes.js';

export const policyBody = z.strictObject({
  policy: registrationPolicy.nullable().describe('Null: what holds for the context, or for all of them, holds here.'),
});
export type PolicyBody = z.infer<typeof policyBody>;

export const policyView = z.object({
  subject: z.string().nullable().describe('Null: all contexts. `:.ctx:` is a context.'),
  policy: registrationPolicy.describe('What holds.'),
  own: registrationPolicy.nullable().describe('What is set here.'),
});
export type PolicyView = z.infer<typeof policyView>;
