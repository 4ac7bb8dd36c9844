export { RestProxyModule, rewriteRestProxyUrl } from './rest-proxy.module.js';
