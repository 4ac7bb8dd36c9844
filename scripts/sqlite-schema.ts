/**
 * Writes migrations/sqlite-schema.ts, the schema that all migrations lead to, from a SQLite file that TypeORM has migrated from nothing.
 *
 *   npm run migrations:sqlite    after a migration was added; a test of the store fails until then
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { migratedSqliteText } from '#libs/adapters/store-sql/testing';
import { MIGRATIONS } from '#migrations';

const FILE = resolve('migrations/sqlite-schema.ts');

const directory = await mkdtemp(join(tmpdir(), 'weir-schema-'));
const statements = await migratedSqliteText(join(directory, 'schema.sqlite'));
await rm(directory, { recursive: true, force: true });

const text = `// Written by \`npm run migrations:sqlite\`; add a migration instead.

/** The names of all migrations, oldest first. */
export const MIGRATION_NAMES: readonly string[] = ${JSON.stringify(MIGRATIONS.map((one) => one.name))};

/** What makes a new SQLite file what all migrations would make it, without them: one statement each, in order. */
export const SQLITE_SCHEMA: readonly string[] = ${JSON.stringify(statements)};
`;
await writeFile(FILE, await format(text, { ...(await resolveConfig(FILE)), parser: 'typescript' }));
console.log(`migrations/sqlite-schema.ts: ${statements.length} statements`);
