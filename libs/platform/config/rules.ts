import type { ErrorItem } from '#libs/core/kernel';
import type { Config } from './settings.js';

/** Name of the embedded log among the clusters. */
export const LOCAL_CLUSTER = 'local';

/** What no single setting can see: combinations that would be unsafe or make no sense. */
export function ruleProblems(config: Config): readonly ErrorItem[] {
  const problems: ErrorItem[] = [];
  const { http, auth, limits, log, clusters, defaultCluster, database, operations } = config;
  if (auth.mode === 'none' && !http.allowOpen && !isLoopback(http.host)) {
    problems.push({
      path: 'http.host',
      message: `is open to others than this machine (${http.host}), and auth.mode is none; set auth.mode to token, or http.allowOpen to true if everybody may do everything`,
    });
  }
  if (auth.mode === 'token' && auth.tokensFile === undefined) {
    problems.push({ path: 'auth.tokensFile', message: 'must be set when auth.mode is token' });
  }
  if (operations.approval !== 'none' && auth.mode === 'none') {
    problems.push({
      path: 'operations.approval',
      message: `is ${operations.approval}, and auth.mode is none: nobody could be told from who started an operation; set auth.mode to token`,
    });
  }
  if (limits.bytesInFlightPerConnection > limits.bytesInFlight) {
    problems.push({
      path: 'limits.bytesInFlightPerConnection',
      message: `is ${limits.bytesInFlightPerConnection}, more than all connections together may hold (limits.bytesInFlight is ${limits.bytesInFlight})`,
    });
  }
  if (database.url !== undefined && !/^postgres(ql)?:\/\//.test(database.url)) {
    problems.push({ path: 'database.url', message: 'must begin with postgres://' });
  }
  const names = clusterNames(config);
  if (defaultCluster !== undefined && !names.includes(defaultCluster)) {
    const hint = defaultCluster === LOCAL_CLUSTER && !log.enabled ? '; log.enabled is false' : '';
    problems.push({
      path: 'defaultCluster',
      message: `names no cluster there is${names.length === 0 ? '' : ` (${names.join(', ')})`}${hint}`,
    });
  }
  for (const [name, { tls }] of clusters) {
    if (typeof tls === 'object' && (tls.certFile === undefined) !== (tls.keyFile === undefined)) {
      problems.push({ path: `clusters.${name}.tls`, message: 'must have both certFile and keyFile, or neither' });
    }
  }
  return problems;
}

/** Every configured cluster, the embedded log first. */
export function clusterNames({ log, clusters }: Pick<Config, 'log' | 'clusters'>): readonly string[] {
  return [...(log.enabled ? [LOCAL_CLUSTER] : []), ...clusters.keys()];
}

/** Whether only this machine can reach the address. Names other than `localhost` are not looked up, and so are not loopback. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.[0-9]{1,3}){3}$/.test(host);
}
