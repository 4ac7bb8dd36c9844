export { derivationStoreSuite, type DerivationStoreSubject } from './derivation-store-suite.js';
export { MemoryDerivationStore } from './memory-derivation-store.js';
export {
  ANY_TIMESTAMP,
  anyContent,
  anyRecord,
  appendContent,
  fingerprint,
  readTopic,
  type TopicContent,
} from './records.js';
export { viewEvolutionContract } from './view-evolution-contract.js';
export { NASTY, viewQueriesContract } from './view-queries-contract.js';
export { AnsweredTransforms, GivenTypes, record, ViewFeeder, type Answers, type FedView } from './view-feeding.js';
export { viewFoldContract } from './view-fold-contract.js';
export { viewTablesContract, type ViewTablesSubject } from './view-tables-contract.js';
export { MemoryViewStore } from './memory-view-store.js';
export { viewStoreSuite, type ViewStoreSubject } from './view-store-suite.js';
export { Killed, MortalLogEngine, Mortality, MortalTopicNames } from './mortal-log.js';
export { drive, newOperation, runOf, type DriveOptions, type StoredOperation } from './operation-driver.js';
export {
  expectPlaced,
  GenerationWorld,
  pairsOf,
  RepartitionWorld,
  startWriter,
  textOf,
  valuesByKey,
  type ProcessOptions,
} from './repartition-world.js';
export { MoveWorld, TwoClusters, type MovingProcess } from './move-world.js';
export { DerivationWorld, LATEST, VERSIONED } from './derivation-world.js';
export { MigrationWorld } from './migration-world.js';
export { ScriptedTransforms, type Scripted } from './scripted-transforms.js';
export { workInterrupted, type InterruptedWork } from './interrupted-work.js';
export { appendRows, rekeyed, type RowChange, rowRecord, tableOf } from './tables.js';
export { TogetherWorld } from './together-world.js';
export { generationConditions, type ConditionsSubject } from './generation-conditions.js';
export { derivationConditions } from './derivation-conditions.js';
