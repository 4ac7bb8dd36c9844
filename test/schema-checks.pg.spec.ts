import { afterAll, beforeAll } from 'vitest';
import { freshPostgresDatabase, type FreshDatabase } from '#libs/adapters/store-sql/testing';
import { schemaChecksSuite } from '../apps/server/testing/schema-checks-suite.js';

let database: FreshDatabase;
beforeAll(async () => {
  database = await freshPostgresDatabase();
});
afterAll(() => database.dispose());

schemaChecksSuite('PostgreSQL', () => ({ WEIR_DATABASE_URL: database.url }));
