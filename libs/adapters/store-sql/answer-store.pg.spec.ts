import { answerStoreContract } from '#libs/core/idempotency/testing';
import { SqlAnswerStore } from './answer-store.js';
import { freshPostgresStore } from './testing/index.js';

answerStoreContract('PostgreSQL', async () => {
  const { store, dispose } = await freshPostgresStore();
  return { answers: new SqlAnswerStore(store), dispose };
});
