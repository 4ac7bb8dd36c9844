export { avroRecord } from './avro-record.js';
export { PrincipalsByName } from './principals-by-name.js';
export { openRegistryApp, type RegistryApp, type RegistryAppOptions } from './registry-app.js';
export { RegistryCalls, type Registered, type ShownSchema, type ShownVersion } from './registry-calls.js';
export { registryForSuite } from './registry-for-suite.js';
export { transcriptsSuite, type OpenedStore } from './transcripts-suite.js';
export { RecordedCases, type WrongAnswer } from './recorded-cases.js';
