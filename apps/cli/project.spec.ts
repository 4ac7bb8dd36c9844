import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runWeir, ScratchProject } from './testing/index.js';
import { projectJsonSchema, projectShape } from './project/project-file.js';
import { readYaml, type FileProblem } from './project/yaml-file.js';
import type { Failure } from './failure.js';

const problems = (text: string, env: Record<string, string> = {}): readonly FileProblem[] => {
  try {
    readYaml(projectShape, { text, file: 'weir.yaml', env });
    return [];
  } catch (error) {
    return (error as Failure).findings as readonly FileProblem[];
  }
};
const told = (text: string, env?: Record<string, string>) =>
  problems(text, env).map(({ line, path, hint }) => [line, path, hint]);

describe('the project file', () => {
  it('is strict: every unknown key, with its line and what was likely meant', () => {
    expect(
      told('apiVersion: v1\nserevr: x\nschemas:\n  - subject: a\n    flie: b\n    file: c\ncheck:\n  failon: error\n'),
    ).toEqual([
      [2, 'serevr', "Did you mean 'server'?"],
      [5, 'schemas[0].flie', "Did you mean 'file'?"],
      [8, 'check.failon', "Did you mean 'failOn'?"],
    ]);
  });

  it('tells wrong values and syntax at their lines', () => {
    expect(told('apiVersion: v2\n')).toEqual([[1, 'apiVersion', "Did you mean 'v1'?"]]);
    expect(told('apiVersion: v1\ndefaults:\n  compatibility: FUL\n')).toEqual([
      [3, 'defaults.compatibility', "Did you mean 'FULL'?"],
    ]);
    expect(told('apiVersion: v1\nschemas: [\n')[0]![0]).toBeGreaterThan(1);
    expect(told('apiVersion: v1\napiVersion: v1\n')[0]![0]).toBe(2);
  });

  it('puts variables in, and names those that are not set', () => {
    const text = 'apiVersion: v1\nserver: ${A}/${B:-b}\n';
    expect(readYaml(projectShape, { text, file: 'f', env: { A: 'a' } }).value.server).toBe('a/b');
    expect(told(text)).toEqual([[2, 'server', 'Set it, or give a default: ${A:-value}.']]);
  });
});

describe('a project that is not whole', () => {
  it('says so at the line of the project file, whatever that is called', async () => {
    const project = new ScratchProject({
      'other.yaml':
        'apiVersion: v1\nschemas:\n  - { subject: a, file: gone.avsc }\n  - { subject: b, file: b.avsc }\n  - { subject: b, file: c.avsc }\n  - { subject: d, file: d.txt }\n',
      'b.avsc': '"int"',
      'c.avsc': '"int"',
      'd.txt': '',
    });
    try {
      for (const command of ['check', 'plan']) {
        const args = [command, '--config', 'other.yaml', '-s', 'http://127.0.0.1:1', '-o', 'json'];
        const { code, out } = await runWeir(args, { cwd: project.path });
        const { error } = JSON.parse(out) as {
          error: { message: string; findings: { file: string; line: number; column: number; path: string }[] };
        };
        expect([code, error.message]).toEqual([2, expect.stringContaining("other.yaml:3:19: The file 'gone.avsc'")]);
        expect(error.findings.map(({ file, line, column, path }) => [file, line, column, path])).toEqual([
          ['other.yaml', 3, 19, 'schemas[0].file'],
          ['other.yaml', 5, 5, 'schemas[2]'],
          ['other.yaml', 6, 19, 'schemas[3].file'],
        ]);
      }
    } finally {
      project.remove();
    }
  });
});

describe('the published JSON Schema of the project file', () => {
  it('is what the command reads by', () => {
    const published = readFileSync(`${import.meta.dirname}/../../docs/weir.schema.json`, 'utf8');
    expect(JSON.parse(published)).toEqual(projectJsonSchema());
  });
});
