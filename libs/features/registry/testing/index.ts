export { nativeClient, PrincipalsByName, type NativeAnswer } from './native-client.js';
export { openRegistryApp, type RegistryApp, type RegistryAppOptions } from './registry-app.js';
export { RegistryCalls, type Answer, type Method, type Registered } from './registry-calls.js';
export { recordedTranscripts, replay, type Mismatch, type Transcript } from './transcripts.js';
export { RecordedCases, type WrongAnswer } from './recorded-cases.js';
