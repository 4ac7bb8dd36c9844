import { answerStoreContract } from '#libs/core/idempotency/testing';
import { SqlAnswerStore } from './answer-store.js';
import { freshSqliteStore } from './testing/index.js';

answerStoreContract('SQLite', async () => {
  const { store, dispose } = await freshSqliteStore();
  return { answers: new SqlAnswerStore(store), dispose };
});
