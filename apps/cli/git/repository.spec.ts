import { symlinkSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { avroRecord, runWeir, ScratchProject, type Ran } from '../testing/index.js';

const FILES = {
  'shop/weir.yaml': 'apiVersion: v1\nschemas: [{ subject: a-value, file: schemas/a.avsc }]\n',
  'shop/schemas/a.avsc': avroRecord('A', '{"name": "a", "type": "int"}'),
};

describe('a repository', () => {
  const projects: ScratchProject[] = [];
  afterEach(() => {
    for (const project of projects.splice(0)) project.remove();
  });
  const scratch = (): ScratchProject => {
    const project = new ScratchProject(FILES);
    projects.push(project);
    project.write({ 'shop/schemas/a.avsc': avroRecord('A', '{"name": "a", "type": "string"}') });
    return project;
  };
  const againstLabel = ({ out }: Ran): string => (JSON.parse(out) as { data: { against: string } }).data.against;

  it('is asked for paths from its root, from here, and as Windows writes them', async () => {
    const project = scratch();
    for (const [cwd, path, label] of [
      ['/shop', 'shop/schemas', 'shop/schemas'],
      ['/shop', 'shop\\schemas\\a.avsc', 'shop/schemas/a.avsc'],
      ['/shop', './schemas/a.avsc', 'shop/schemas/a.avsc'],
      ['/shop/schemas', '..\\schemas\\a.avsc', 'shop/schemas/a.avsc'],
      ['/shop', '.', 'shop'],
    ] as const) {
      const args = ['check', '--against', `main:${path}`, '-o', 'json'];
      const ran = await runWeir(args, { cwd: project.path + cwd });
      // A folder of schemas alone has no project that says whose they are.
      expect([path, ran.code]).toEqual([path, path === 'shop/schemas' ? 0 : 1]);
      expect(againstLabel(ran)).toContain(path === '.' ? 'main' : label);
    }
    const outside = await runWeir(['check', '--against', 'main:../../x'], { cwd: `${project.path}/shop` });
    expect([outside.code, outside.err]).toEqual([2, expect.stringContaining('is not in the repository')]);
  });

  it.each([
    ['is there', {}],
    ['is not installed', { PATH: '/nonexistent' }],
  ])('is where paths of a report begin, when git %s', async (_what, env) => {
    const project = scratch();
    project.write({ 'before/schemas/a.avsc': avroRecord('A', '{"name": "a", "type": "int"}') });
    const args = ['check', '--against', '../before', '--format', 'sarif'];
    const ran = await runWeir(args, { cwd: `${project.path}/shop`, env });
    expect([ran.code, ran.err]).toEqual([1, '']);
    expect(ran.out).toContain('"uri": "shop/schemas/a.avsc"');
  });

  it('is found through links that lead to it', async () => {
    const project = scratch();
    const linked = new ScratchProject();
    projects.push(linked);
    symlinkSync(project.path, `${linked.path}/link`);
    const ran = await runWeir(['check', '--config', `${linked.path}/link/shop/weir.yaml`, '--format', 'sarif'], {
      cwd: linked.path,
    });
    expect(ran.code).toBe(1);
    expect(ran.out).toContain('"uri": "shop/schemas/a.avsc"');
  });

  it('of another user is not taken for none: what makes git look into it is told', async () => {
    const project = scratch();
    const ran = await runWeir(['check'], {
      cwd: `${project.path}/shop`,
      env: { GIT_TEST_ASSUME_DIFFERENT_OWNER: '1' },
    });
    expect([ran.code, ran.err]).toEqual([2, expect.stringContaining('git config --global --add safe.directory')]);
  });
});
