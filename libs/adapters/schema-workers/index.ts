export { WorkerSchemaEngine, type WorkerSchemaEngineOptions } from './worker-schema-engine.js';
