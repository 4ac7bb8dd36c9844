import { AppError } from '#libs/core/kernel';
import { askFunctionOf } from './postgres-sql.js';
import type { PostgresConnections, PostgresSession } from './postgres-connections.js';

/** Schemas and role of a target, and what could not be had. */
export interface PostgresSchema {
  /** Views for SQL clients, under the names their users gave them. */
  readonly views: string;
  /** The tables behind them, with generated names. */
  readonly data: string;
  /** The role that queries run under; null when it may not be made and is not there. */
  readonly reader: string | null;
  /** Why there is no such role. */
  readonly readerProblem: string | null;
}

/** Any number; what matters is that every instance asks for the same one. */
const SCHEMA_LOCK = 7_235_911_205;
const NAME = /^[a-z_][a-z0-9_]{0,39}$/;

/** Makes what is missing: schemas, catalogue, and the role of the readers. @throws `invalid-views-schema`. */
export async function prepareSchema(connections: PostgresConnections, schema: string): Promise<PostgresSchema> {
  if (!NAME.test(schema))
    throw new AppError({
      kind: 'invalid',
      code: 'invalid-views-schema',
      message: `'${schema}' cannot be the schema of views: 1 to 40 of a-z, 0-9 and _, a letter first.`,
    });
  const [views, data] = [schema, `${schema}_data`];
  return connections.transaction('begin', async (session) => {
    await session.run('select pg_advisory_xact_lock($1)', [SCHEMA_LOCK]);
    for (const name of [views, data]) await session.run(`create schema if not exists ${name}`);
    for (const statement of catalogueOf(data)) await session.run(statement);
    return { views, data, ...(await readerOf(session, views, data)) };
  });
}

/** Tables of all views: who may write and where each stands; positions; what was set aside; and which name stands for what. */
function catalogueOf(data: string): readonly string[] {
  return [
    `create table if not exists ${data}.weir_views (
       id text collate "C" primary key, epoch bigint not null, commits bigint not null, readable text)`,
    // What was added in place, and whether it is remembered what records had: not of views that were begun before it was.
    `alter table ${data}.weir_views add column if not exists revision bigint not null default 0,
       add column if not exists evolved text, add column if not exists remembers boolean not null default false`,
    `create table if not exists ${data}.weir_members (
       view text collate "C" not null, source int not null, object text collate "C" not null, name text collate "C" not null,
       primary key (view, source, object, name))`,
    `create table if not exists ${data}.weir_positions (
       view text collate "C" not null, source int not null, partition int not null, generation bigint not null, next bigint not null,
       primary key (view, source, partition))`,
    `create table if not exists ${data}.weir_refused (
       number bigint generated always as identity primary key, view text collate "C" not null, source int not null, generation bigint not null,
       partition int not null, "offset" bigint not null, code text not null, message text not null,
       unique (view, source, generation, partition, "offset"))`,
    `create table if not exists ${data}.weir_names (
       view text collate "C" not null, view_name text not null, table_name text not null, column_place text not null, column_name text not null, type text not null,
       primary key (view, column_name))`,
  ];
}

/** A role that may read and nothing else, and that the service may take on. */
async function readerOf(
  session: PostgresSession,
  views: string,
  data: string,
): Promise<Pick<PostgresSchema, 'reader' | 'readerProblem'>> {
  const role = `${views}_reader`;
  await session.run('savepoint reader');
  try {
    const [known] = await session.rows('select 1 from pg_roles where rolname = $1', [role]);
    if (known === undefined) await session.run(`create role ${role} nologin`);
    const [member] = await session.rows<[boolean]>("select pg_has_role(current_user, $1, 'member')", [role]);
    if (member?.[0] !== true) await session.run(`grant ${role} to current_user`);
    for (const schema of [views, data]) {
      await session.run(`grant usage on schema ${schema} to ${role}`);
      await session.run(`grant select on all tables in schema ${schema} to ${role}`);
      await session.run(`alter default privileges in schema ${schema} grant select on tables to ${role}`);
    }
    for (const statement of askFunctionOf(views, data, role)) await session.run(statement);
    // Whether it can be taken on is known when it has been.
    await session.run(`set local role ${role}`);
    await session.run('reset role');
    await session.run('release savepoint reader');
    return { reader: role, readerProblem: null };
  } catch (error) {
    if (!/^42/.test(String((error as { code?: unknown }).code))) throw error;
    await session.run('rollback to savepoint reader');
    return {
      reader: null,
      readerProblem: `the role ${role} could not be made or taken on (${(error as Error).message}); queries run in read-only transactions of the service's own user`,
    };
  }
}
