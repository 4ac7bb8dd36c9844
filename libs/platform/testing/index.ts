export { drawn } from './drawn.js';
export { HttpClient, inProcess, overHttp, type Answer, type Destination, type Method } from './http-client.js';
export { serverForSuite } from './server-for-suite.js';
export { NotReady, ServerProcess, SHORT_LEASES, type ServerExit, type ServerProcessOptions } from './server-process.js';
export { temporaryDirectory, type TemporaryDirectory } from './temporary-directory.js';
export { startTestApp, type TestApp, type TestAppOptions } from './test-app.js';
export { SocketClient } from './socket-client.js';
