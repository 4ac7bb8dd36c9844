import type { GlobalFlags } from '../command.js';

/** The query that asks the service only whether it would do what is asked: it judges rights and state as it does for the change itself. */
export function ifDryRun({ dryRun }: GlobalFlags): { readonly dryRun: true | undefined } {
  return { dryRun: dryRun || undefined };
}
