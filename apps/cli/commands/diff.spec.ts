import { afterEach, describe, expect, it } from 'vitest';
import { avroRecord, runWeir, ScratchProject } from '../testing/index.js';

describe('weir schema diff', () => {
  const projects: ScratchProject[] = [];
  afterEach(() => {
    for (const project of projects.splice(0)) project.remove();
  });
  const ID = '{"name": "id", "type": "long"}';
  const scratch = (): ScratchProject => {
    const project = new ScratchProject({
      'weir.yaml':
        'apiVersion: v1\nschemas: [{ subject: money-value, file: s/money.avsc }, { subject: order-value, file: s/order.avsc }]\n',
      's/money.avsc': avroRecord('Money', ID),
      's/order.avsc': avroRecord('Order', ID, '{"name": "total", "type": "Money"}'),
      'old.avsc': avroRecord('Order', ID),
    });
    projects.push(project);
    return project;
  };

  it('reads what files of the project refer to', async () => {
    const { path } = scratch();
    const ran = await runWeir(['schema', 'diff', '../old.avsc', 'order.avsc', '-o', 'json'], { cwd: `${path}/s` });
    const { data } = JSON.parse(ran.out) as { data: { same: boolean; differences: { ruleId: string }[] } };
    expect([ran.code, data.same, data.differences.map(({ ruleId }) => ruleId)]).toEqual([
      0,
      false,
      ['avro/reader-field-missing-default'],
    ]);
  });

  it('shows lines where nothing that differs breaks a reader', async () => {
    const project = scratch();
    project.write({ 'new.avsc': avroRecord('Order', ID, '{"name": "note", "type": "string", "default": ""}') });
    const ran = await runWeir(['schema', 'diff', 'old.avsc', 'new.avsc'], { cwd: project.path });
    expect([ran.code, ran.out]).toEqual([
      0,
      expect.stringMatching(/read each other’s data[\s\S]*\n\+ +"name": "note"/),
    ]);
    const same = await runWeir(['schema', 'diff', 'old.avsc', 'old.avsc'], { cwd: project.path });
    expect(same.out).toBe('The two are the same schema.\n');
  });
});
