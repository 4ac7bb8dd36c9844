import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { knownDeclaration, type ViewDefinition } from '#libs/core/streams';
import { placed } from './sqlite-positions.js';
import { SqliteWriter, type FlatStep } from './sqlite-writer.js';
import { flat } from './step-sql.js';

describe('the connection that writes views into SQLite', () => {
  let directory: string;
  let writer: SqliteWriter;
  let view: ViewDefinition;
  let commit: number;
  let moved: number;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'weir-views-'));
    writer = new SqliteWriter(join(directory, 'views.sqlite'));
    const declaration = { source: { topic: 't' }, columns: { id: { from: 'key', type: 'text' } } };
    view = await knownDeclaration('v', 'local', declaration, {});
    writer.create('one', view);
    [commit, moved] = [0, 0];
  });
  afterEach(async () => {
    writer.close();
    await rm(directory, { recursive: true, force: true });
  });

  /** @returns whether the step is flushed before it counts. */
  function isFlushed(epoch: number, moves = true): boolean {
    const cells = [1, 0, commit, 0, `k${commit}`];
    const changes = [flat({ table: 0, puts: [{ identity: `k${commit}`, cells }], deletes: [] })];
    const step: FlatStep = { commit, changes, refused: [], memory: [] };
    const move = { source: 0, from: { generation: 1, next: [moved] }, to: { generation: 1, next: [moved + 1] } };
    ({ commit } = writer.apply('one', placed(view), epoch, moves ? { ...step, move } : step));
    if (moves) moved++;
    return writer.isFlushing;
  }

  it('flushes the steps of a build together, and each one when it has its indexes', () => {
    const { epoch } = writer.claim('one', placed(view));
    expect([isFlushed(epoch), isFlushed(epoch)]).toEqual([false, false]);
    writer.index('one', view);
    expect(writer.isFlushing).toBe(true);
    expect(isFlushed(epoch)).toBe(true);
  });

  it('flushes a step that moves nothing by itself, since what is kept elsewhere must not be further than the rows', () => {
    const { epoch } = writer.claim('one', placed(view));
    expect([isFlushed(epoch), isFlushed(epoch, false), isFlushed(epoch)]).toEqual([false, true, false]);
  });

  it('takes what is claimed anew for a build until it has read what there is', () => {
    const { epoch } = writer.claim('one', placed(view));
    writer.index('one', view);
    const again = writer.claim('one', placed(view));
    expect(again.epoch).toBeGreaterThan(epoch);
    expect(isFlushed(again.epoch)).toBe(false);
    writer.index('one', view);
    expect(isFlushed(again.epoch)).toBe(true);
  });
});
