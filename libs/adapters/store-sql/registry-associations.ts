import { setImmediate as turn } from 'node:timers/promises';
import {
  stateMoved,
  type Association,
  type AssociationQuery,
  type AssociationType,
  type Lifecycle,
  type ResourceAssociations,
} from '#libs/core/registry';
import type { SqlSession, SqlStore, SqlValue } from './sql-store.js';
import { pairs, pieces } from './statement.js';

interface AssociationRow {
  readonly guid: string;
  readonly context: string;
  readonly subject: string;
  readonly resource_name: string;
  readonly resource_namespace: string;
  readonly resource_id: string;
  readonly resource_type: string;
  readonly association_type: string;
  readonly lifecycle: string;
  readonly frozen: number;
  readonly created_at: number;
  readonly updated_at: number;
  readonly revision: number;
}

const COLUMNS = `guid, context, subject, resource_name, resource_namespace, resource_id, resource_type, association_type, lifecycle, frozen,
  created_at, updated_at, revision`;
const SELECT = `select ${COLUMNS} from registry_associations`;
/** No two have the same: by it they are told, and gone on with. */
const PLACE = 'resource_name, resource_namespace, resource_type, association_type, context, subject';
/** Rows read in one statement: some milliseconds. */
const AT_ONCE = 1_000;

/** A session, or the store: where there are many, that is read on a snapshot of its own, so that what is told is as of one instant. */
type Reading = Pick<SqlSession, 'all'> & Partial<Pick<SqlStore, 'snapshot'>>;

interface Condition {
  readonly where: string;
  readonly values: readonly SqlValue[];
}

/** In the order of their places. However many they are, others go on between. */
async function readRows(reading: Reading, condition: Condition): Promise<readonly AssociationRow[]> {
  const first = await readPage(reading, condition, undefined);
  if (first.length < AT_ONCE) return first;
  await turn();
  return reading.snapshot === undefined
    ? await readOn(reading, condition, first)
    : await reading.snapshot((session) => readOn(session, condition, []));
}

async function readOn(
  reading: Reading,
  condition: Condition,
  before: readonly AssociationRow[],
): Promise<readonly AssociationRow[]> {
  const rows = [...before];
  for (;;) {
    const page = await readPage(reading, condition, rows.at(-1));
    rows.push(...page);
    if (page.length < AT_ONCE) return rows;
    await turn();
  }
}

function readPage(
  reading: Reading,
  { where, values }: Condition,
  after: AssociationRow | undefined,
): Promise<AssociationRow[]> {
  const beyond = after === undefined ? '' : ` and (${PLACE}) > (?, ?, ?, ?, ?, ?)`;
  return reading.all<AssociationRow>(`${SELECT} where ${where}${beyond} order by ${PLACE} limit ${AT_ONCE}`, [
    ...values,
    ...(after === undefined ? [] : placeOf(after)),
  ]);
}

function placeOf(row: AssociationRow): readonly SqlValue[] {
  return [row.resource_name, row.resource_namespace, row.resource_type, row.association_type, row.context, row.subject];
}

export async function findAssociations(session: Reading, query: AssociationQuery): Promise<readonly Association[]> {
  if ('resourceName' in query) {
    const { resourceName, resourceNamespace } = query;
    const rows = await readRows(session, {
      where: `resource_name = ?${resourceNamespace === undefined ? '' : ' and resource_namespace = ?'}`,
      values: [resourceName, ...(resourceNamespace === undefined ? [] : [resourceNamespace])],
    });
    return rows.map(association);
  }
  const found: Association[] = [];
  for (const piece of pieces(query.subjects)) {
    const rows = await readRows(session, {
      where: `(context, subject) in (${pairs(piece.length)})`,
      values: piece.flatMap(({ context, name }) => [context, name]),
    });
    for (const row of rows) found.push(association(row));
  }
  return found;
}

export async function associationsOfResource(session: Reading, resourceId: string): Promise<ResourceAssociations> {
  const rows = await readRows(session, { where: 'resource_id = ?', values: [resourceId] });
  const revision = rows.reduce((highest, row) => Math.max(highest, row.revision), 0);
  return { resourceId, revision, associations: rows.map(association) };
}

/** @throws `registry-state-moved` when an association of the resource was set or removed since it was read. */
export async function requireResourceUnmoved(session: Reading, read: ResourceAssociations): Promise<void> {
  const now = await associationsOfResource(session, read.resourceId);
  if (now.revision !== read.revision || now.associations.length !== read.associations.length) {
    throw stateMoved(`Resource '${read.resourceId}'`);
  }
}

/** @returns what stood in its place: the earlier association of the resource, and that of an earlier resource of the name. */
export async function setAssociation(
  session: SqlSession,
  one: Association,
  revision: number,
): Promise<readonly Association[]> {
  const { subject, resourceName, resourceNamespace, resourceId, resourceType, associationType } = one;
  const replaced = await session.all<AssociationRow>(
    `delete from registry_associations where (resource_id = ? and resource_type = ? and association_type = ?)
       or (resource_name = ? and resource_namespace = ? and resource_type = ? and association_type = ? and context = ? and subject = ?)
     returning ${COLUMNS}`,
    [
      resourceId,
      resourceType,
      associationType,
      resourceName,
      resourceNamespace,
      resourceType,
      associationType,
      subject.context,
      subject.name,
    ],
  );
  await session.run(
    `insert into registry_associations (resource_id, resource_type, association_type, guid, resource_name, resource_namespace, context, subject, lifecycle, frozen,
       created_at, updated_at, revision) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      resourceId,
      resourceType,
      associationType,
      one.guid,
      resourceName,
      resourceNamespace,
      subject.context,
      subject.name,
      one.lifecycle,
      one.frozen ? 1 : 0,
      one.createdAt,
      one.updatedAt,
      revision,
    ],
  );
  return replaced.map(association);
}

/** @returns what was removed, as it was. */
export async function removeAssociation(session: SqlSession, one: Association): Promise<readonly Association[]> {
  const removed = await session.all<AssociationRow>(
    `delete from registry_associations where resource_id = ? and resource_type = ? and association_type = ? returning ${COLUMNS}`,
    [one.resourceId, one.resourceType, one.associationType],
  );
  return removed.map(association);
}

function association(row: AssociationRow): Association {
  return {
    guid: row.guid,
    subject: { context: row.context, name: row.subject },
    resourceName: row.resource_name,
    resourceNamespace: row.resource_namespace,
    resourceId: row.resource_id,
    resourceType: row.resource_type,
    associationType: row.association_type as AssociationType,
    lifecycle: row.lifecycle as Lifecycle,
    frozen: row.frozen !== 0,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
