import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { runWeir } from '../../apps/cli/testing/index.js';
import { haveShells } from '../../scripts/services/shells.mjs';

/** Lines whose last word is completed, and what is offered for it. */
const OFFERS: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ['weir sch', ['schema', 'schema-of']],
  ['weir schema re', ['refs', 'register', 'replay', 'restore']],
  ['weir check --ag', ['--against']],
  ['weir -o json schema li', ['list']],
  ['weir check --fail-on ', ['error', 'info', 'warning']],
  ['weir check -o j', ['json', 'jsonl']],
  ['weir -o y', ['yaml']],
  ['weir admin token re', ['revoke']],
  // A word that names a command elsewhere is not one here.
  ['weir topic describe view --gro', ['--groups']],
  ['weir schema get order', ['orders.avsc']],
];

const IS_NEEDED = process.env['WEIR_REQUIRE_SERVICES'] === '1';
const has = (shell: string): boolean => spawnSync(shell, ['-c', 'exit 0']).status === 0;

/** Types each line on a terminal of zsh and presses the tabulator; what fits is told by what fits it into the line. */
const ZSH = `
zmodload zsh/zpty; zmodload zsh/zselect
dir=$1; shift
TERM=dumb zpty z zsh -f -i
zpty -w z "cd $dir; fpath=($dir/fpath \\$fpath); autoload -U compinit; compinit -u -d $dir/dump; compadd() { local -a hits; builtin compadd -A hits \\"\\$@\\"; (( \\$#hits )) && print -r -- \\"\\$hits\\" >> $dir/hits; builtin compadd \\"\\$@\\"; }; print begun >> $dir/hits"
seen() { while [[ $(cat $dir/hits 2>/dev/null | wc -l) -lt $1 ]]; do zselect -t 5; done }
seen 1
integer n=1
for line; do
  zpty -w -n z "$line"$'\\t'
  n+=1; seen $n
  zpty -w -n z $'\\x15'
done
zpty -d z
tail -n +2 $dir/hits
`;

describe('a completion script offers commands, what is below them, flags, what flags take, and files', () => {
  let directory: TemporaryDirectory;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    writeFileSync(`${directory.path}/orders.avsc`, '');
    if (IS_NEEDED) await haveShells(['bash', 'zsh', 'fish']);
  }, 600_000);
  afterAll(() => directory.remove());

  const script = async (shell: string, file: string): Promise<string> => {
    const { out } = await runWeir(['completion', shell]);
    writeFileSync(`${directory.path}/${file}`, out);
    return `${directory.path}/${file}`;
  };
  const run = (shell: string, ...args: string[]): string => {
    const { stdout, stderr, status } = spawnSync(shell, args, { cwd: directory.path, encoding: 'utf8' });
    expect([shell, status, stderr]).toEqual([shell, 0, '']);
    return stdout;
  };
  const words = (text: string): readonly string[] =>
    text
      .split(/\s+/)
      .filter((word) => word !== '')
      .sort();
  const expected = OFFERS.map(([line, offered]) => [line, [...offered].sort()]);

  /** A shell that a machine lacks is no failure, unless it was to be there. */
  const inShell = (shell: string, task: () => Promise<void>): void =>
    it(`in ${shell}`, async () => {
      if (has(shell)) return task();
      console.warn(`SUITE NOT RUN: ${shell} is not installed`);
      expect(IS_NEEDED).toBe(false);
    });

  inShell('bash', async () => {
    const file = await script('bash', 'weir.bash');
    const offered = (line: string): readonly string[] => {
      const given = line.split(' ').map((word) => `'${word}'`);
      const call = `COMP_WORDS=(${given.join(' ')}); COMP_CWORD=${given.length - 1}; _weir; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return words(run('bash', '--norc', '-c', `. ${file}; ${call}`));
    };
    expect(OFFERS.map(([line]) => [line, offered(line)])).toEqual(expected);
  });

  inShell('zsh', async () => {
    mkdirSync(`${directory.path}/fpath`);
    // As a file that zsh loads when it completes for the first time.
    await script('zsh', 'fpath/_weir');
    writeFileSync(`${directory.path}/typed.zsh`, ZSH);
    const lines = OFFERS.map(([line]) => line);
    const told = run('zsh', '-f', `${directory.path}/typed.zsh`, directory.path, ...lines).split('\n');
    expect(lines.map((line, at) => [line, words(told[at]!)])).toEqual(expected);
  });

  inShell('fish', async () => {
    const file = await script('fish', 'weir.fish');
    const offered = (line: string): readonly string[] =>
      words(run('fish', '--no-config', '-c', `source ${file}; complete -C '${line}'`));
    expect(OFFERS.map(([line]) => [line, offered(line)])).toEqual(expected);
  });
});
