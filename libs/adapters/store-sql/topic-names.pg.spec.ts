import { topicNamesSuite } from '#libs/core/log/testing';
import { SqlTopicNames } from './topic-names.js';
import { freshPostgresStore } from './testing/index.js';

topicNamesSuite('PostgreSQL', async () => {
  const { store, dispose } = await freshPostgresStore();
  return { names: new SqlTopicNames(store), dispose };
});
