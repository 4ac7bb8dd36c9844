export { ServerProcess, type ServerExit, type ServerProcessOptions } from './server-process.js';
export { temporaryDirectory, type TemporaryDirectory } from './temporary-directory.js';
export { startTestApp, type TestApp, type TestAppOptions } from './test-app.js';
