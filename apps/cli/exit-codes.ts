/** What a pipeline reads: the exit codes and what each means. Public; a code never changes its meaning. */
export const EXIT_CODES = [
  { code: 0, name: 'done', meaning: 'done, or the check answered yes' },
  {
    code: 1,
    name: 'no',
    meaning: 'the check answered no: findings at or above the fail level, failed replay or verify',
  },
  { code: 2, name: 'usage', meaning: 'wrong usage, unreadable project or configuration' },
  { code: 3, name: 'pending', meaning: 'changes pending (only with --exit-code, and in drift)' },
  { code: 4, name: 'conflict', meaning: 'conflict: stale plan, wrong state, protected resource' },
  { code: 5, name: 'not-found', meaning: 'not found' },
  { code: 6, name: 'not-allowed', meaning: 'not authenticated or not allowed' },
  {
    code: 7,
    name: 'unreachable',
    meaning: 'unreachable, or --timeout passed (the operation continues, its id is printed)',
  },
  { code: 8, name: 'operation-failed', meaning: 'the awaited operation failed, was cancelled or rolled back' },
  { code: 9, name: 'partial', meaning: 'partial: some targets succeeded, the list says which' },
  { code: 70, name: 'internal', meaning: 'internal error, with a report id' },
  { code: 130, name: 'interrupted', meaning: 'interrupted' },
  { code: 143, name: 'terminated', meaning: 'terminated' },
] as const;

export type ExitName = (typeof EXIT_CODES)[number]['name'];
export type ExitCode = (typeof EXIT_CODES)[number]['code'];

/** The code of that name. */
export function exitCode(name: ExitName): ExitCode {
  return EXIT_CODES.find((one) => one.name === name)!.code;
}
