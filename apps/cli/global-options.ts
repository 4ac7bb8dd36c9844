import type { OptionSpec } from './command.js';
import { OUTPUTS } from './output/render.js';

/** The flags of every command (2.1). */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { flags: '-s, --server <url>', about: 'service address (default http://localhost:8081)' },
  { flags: '-c, --context <name>', about: 'named target from the user config' },
  { flags: '--config <file>', about: 'project file; otherwise searched up to the root of the repository' },
  { flags: '-o, --output <format>', about: 'how the result is printed', choices: OUTPUTS },
  { flags: '-O, --output-file <file>', about: 'write the result there' },
  { flags: '-q, --quiet', about: 'less on stderr' },
  { flags: '-v, --verbose', about: 'more on stderr' },
  { flags: '--color <when>', about: 'colours; NO_COLOR wins over auto', choices: ['auto', 'always', 'never'] },
  { flags: '--no-input', about: 'never ask; implied when stdin is no terminal or CI is set' },
  { flags: '-y, --yes', about: 'accept the shown plan' },
  { flags: '--dry-run', about: 'show, do not do' },
  { flags: '--wait', about: 'block until the operation ends' },
  { flags: '--timeout <duration>', about: 'how long to wait, for an answer or for the end; an operation goes on' },
  { flags: '--reason <text>', about: 'why, for the history; WEIR_REASON' },
  {
    flags: '--idempotency-key <key>',
    about: 'repeated with the same key, an invocation does once what it does; a fresh one by default',
  },
];
