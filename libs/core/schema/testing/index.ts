export { schemaEngineContract, type EngineUnderTest } from './schema-engine-contract.js';
