import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
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

describe('the published JSON Schema of the project file', () => {
  it('is what the command reads by', () => {
    const published = readFileSync(`${import.meta.dirname}/../../docs/weir.schema.json`, 'utf8');
    expect(JSON.parse(published)).toEqual(projectJsonSchema());
  });
});
