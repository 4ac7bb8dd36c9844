export { avroRecord } from './avro-record.js';
export { PrincipalsByName } from './principals-by-name.js';
export { openRegistryApp, type RegistryApp, type RegistryAppOptions } from './registry-app.js';
export { RegistryCalls, type Registered, type ShownSchema, type ShownVersion } from './registry-calls.js';
export { registryForSuite } from './registry-for-suite.js';
export { recordedTranscripts, replay, type Mismatch, type Transcript } from './transcripts.js';
export { RecordedCases, type WrongAnswer } from './recorded-cases.js';
