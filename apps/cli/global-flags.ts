import { randomUUID } from 'node:crypto';
import type { GlobalFlags } from './command.js';
import type { Io } from './io.js';

/** The effective flags of every command, of what was given and what the environment says. @param isShown whether the result goes to a terminal: only there it is coloured by itself. */
export async function flagsOf(all: Record<string, unknown>, io: Io, isShown: boolean): Promise<GlobalFlags> {
  const given = all['timeout'] as string | undefined;
  const timeout = given ?? (io.env['WEIR_TIMEOUT'] || undefined);
  const timeoutOrigin = given === undefined ? 'WEIR_TIMEOUT' : '--timeout';
  const color = (all['color'] as string | undefined) ?? 'auto';
  const forced = io.env['FORCE_COLOR'] !== undefined && io.env['FORCE_COLOR'] !== '0';
  return {
    quiet: all['quiet'] === true,
    verbose: all['verbose'] === true,
    noInput: all['input'] === false || !io.stdinIsTerminal || Boolean(io.env['CI']),
    yes: all['yes'] === true,
    dryRun: all['dryRun'] === true,
    wait: all['wait'] === true,
    timeoutMs:
      timeout === undefined ? null : (await import('./settings/durations.js')).milliseconds(timeout, timeoutOrigin),
    idempotencyKey: (all['idempotencyKey'] as string | undefined) ?? randomUUID(),
    mayBeRepeated: all['idempotencyKey'] !== undefined,
    colour: color === 'always' || (color === 'auto' && !io.env['NO_COLOR'] && (forced || isShown)),
    origins: {
      output: all['output'] === undefined ? (io.env['WEIR_OUTPUT'] ? 'WEIR_OUTPUT' : 'built in') : '--output',
      timeoutMs: timeout === undefined ? 'none' : timeoutOrigin,
      colour:
        all['color'] !== undefined && color !== 'auto'
          ? '--color'
          : io.env['NO_COLOR']
            ? 'NO_COLOR'
            : forced
              ? 'FORCE_COLOR'
              : 'built in',
      input:
        all['input'] === false
          ? '--no-input'
          : io.env['CI']
            ? 'CI'
            : io.stdinIsTerminal
              ? 'built in'
              : 'standard input is no terminal',
    },
  };
}
