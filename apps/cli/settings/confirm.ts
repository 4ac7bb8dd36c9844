import type { Invocation } from '../command.js';
import { usage } from '../failure.js';

/**
 * Asks before something is done that cannot be taken back. `--yes` answers; in a production context the name of it is asked for, even then when a person is there.
 * @throws Failure when nobody says yes.
 */
export async function confirm(invocation: Invocation, what: string): Promise<void> {
  const { flags, io, say } = invocation;
  const { context, target } = await invocation.settings();
  if (flags.yes && (target?.production !== true || flags.noInput)) return;
  if (flags.noInput)
    throw usage(
      'not-confirmed',
      `${what} That needs a yes, and nobody can be asked.`,
      'Look at it with --dry-run, then give --yes.',
    );
  const word = target?.production === true ? context!.value : 'yes';
  say(
    `${what}${word === 'yes' ? ' Type yes to go on:' : ` This is production. Type the name of the context ('${word}') to go on:`}`,
  );
  for await (const line of io.lines()) {
    if (line.trim() === word) return;
    break;
  }
  throw usage('not-confirmed', 'Nothing was done.');
}
