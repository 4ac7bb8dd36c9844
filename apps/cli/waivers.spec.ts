import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { avroRecord, runWeir, ScratchProject } from './testing/index.js';

const PROJECT = `apiVersion: v1
check: { against: old, waivers: waivers.yaml }
schemas: [{ subject: a-value, file: a.avsc }]
`;

describe('waivers of a project', () => {
  let folder: ScratchProject;
  beforeEach(() => {
    folder = new ScratchProject({
      'weir.yaml': PROJECT,
      'a.avsc': avroRecord('A', '{"name": "id", "type": "string"}'),
      'old/weir.yaml': PROJECT,
      'old/a.avsc': avroRecord('A', '{"name": "id", "type": "long"}'),
    });
  });
  afterEach(() => folder.remove());

  const weir = (...args: string[]) => runWeir([...args, '-o', 'json'], { cwd: folder.path });
  const file = (): string => `${folder.path}/waivers.yaml`;

  it('excuse the finding they name, are listed, and count no more once they are revoked; comments stay', async () => {
    writeFileSync(file(), '');
    const broken = await weir('check', '--no-fail');
    const { data } = JSON.parse(broken.out) as { data: { findings: { fingerprint: string; level: string }[] } };
    const { fingerprint } = data.findings.find(({ level }) => level === 'error')!;
    const added = ['waiver', 'add', fingerprint, '--owner', 'team: a', '--expires', '2d', '--reason', 'not # read'];
    expect((await weir(...added, '--dry-run')).code).toBe(0);
    expect(readFileSync(file(), 'utf8')).toBe('');
    writeFileSync(
      file(),
      "# ours\n- { fingerprint: '0123456789abcdef', owner: us, reason: old, expires: 2020-01-01 } # why\n",
    );
    expect((await weir(...added)).code).toBe(0);
    expect(readFileSync(file(), 'utf8')).toMatch(/^# ours\n.*# why\n/);
    expect((await weir(...added)).code).toBe(4);
    expect((await weir('check')).code).toBe(0);
    expect(JSON.parse((await weir('waiver', 'list')).out)).toMatchObject({
      data: [
        { owner: 'us', expired: true },
        { fingerprint, owner: 'team: a', reason: 'not # read', expired: false },
      ],
    });
    expect((await weir('waiver', 'revoke', fingerprint)).code).toBe(0);
    expect((await weir('check')).code).toBe(1);
    expect((await weir('waiver', 'revoke', '0123456789abcdef')).code).toBe(0);
    expect(JSON.parse((await weir('waiver', 'list')).out)).toMatchObject({ data: [] });
  });

  it('are none as long as their file is not there, which is told once', async () => {
    for (const args of [['check'], ['lint'], ['policy', 'test']]) {
      const ran = await weir(...args);
      expect([args, ran.code]).toEqual([args, args[0] === 'check' ? 1 : 0]);
      expect(ran.err.match(/note: there is no file 'waivers.yaml'.*weir waiver add/g)).toHaveLength(1);
      expect((await weir(...args, '-q')).err).toBe('');
    }
    writeFileSync(file(), '');
    expect((await weir('check')).err).toBe('');
  });

  it('go into a file that is not there yet', async () => {
    const args = ['waiver', 'add', '0123456789abcdef', '--owner', 'us', '--expires', '2099-12-31', '--reason', 'known'];
    expect((await weir(...args)).code).toBe(0);
    expect(readFileSync(file(), 'utf8')).toContain('fingerprint: 0123456789abcdef');
    expect(JSON.parse((await weir('waiver', 'list')).out)).toMatchObject({ data: [{ expires: '2099-12-31' }] });
  });
});
