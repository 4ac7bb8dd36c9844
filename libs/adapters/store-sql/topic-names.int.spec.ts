import { topicNamesSuite } from '#libs/core/log/testing';
import { SqlTopicNames } from './topic-names.js';
import { freshSqliteStore } from './testing/index.js';

topicNamesSuite('SQLite', async () => {
  const { store, dispose } = await freshSqliteStore();
  return { names: new SqlTopicNames(store), dispose };
});
