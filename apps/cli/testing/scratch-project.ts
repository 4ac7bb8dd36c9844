import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A git repository in a temporary directory. */
export class ScratchProject {
  readonly path = mkdtempSync(join(tmpdir(), 'weir-cli-'));

  constructor(files: Readonly<Record<string, string>> = {}) {
    this.git('init', '-q', '-b', 'main', '.');
    this.git('config', 'user.email', 'test@weir.invalid');
    this.git('config', 'user.name', 'test');
    this.write(files);
    if (Object.keys(files).length > 0) this.commit('first');
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.path, name)), { recursive: true });
      writeFileSync(join(this.path, name), text);
    }
  }

  read(name: string): string {
    return readFileSync(join(this.path, name), 'utf8');
  }

  commit(message: string): void {
    this.git('add', '-A');
    this.git('commit', '-q', '-m', message);
  }

  git(...args: string[]): string {
    return execFileSync('git', args, { cwd: this.path, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A record of three lines and more: fields each on a line of their own, from line 4 on. */
export function avroRecord(name: string, ...fields: readonly string[]): string {
  return `{\n  "type": "record", "name": "${name}", "namespace": "shop",\n  "fields": [\n${fields.map((field) => `    ${field}`).join(',\n')}\n  ]\n}\n`;
}
