/** A test broker that asks who is there: SASL, TLS and ACLs beside the open listener. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findCommand, installDebian, run } from './service-process.mjs';

/** The user of the secured listeners: PLAIN and SCRAM-SHA-256. */
export const KAFKA_TEST_USER = { username: 'app', password: 'secret' };

/**
 * Settings that put a listener with SASL (PLAIN, SCRAM) and one with TLS beside the open one, and an authorizer before all: whoever comes
 * without a name may do everything, the user of SASL nothing without an ACL.
 */
export async function secureProperties(node, home) {
  if (findCommand('openssl') === undefined) await installDebian(['openssl'], 'Kafka with TLS');
  const at = (name) => join(home, name);
  const openssl = (...args) => run('openssl', args, { cwd: home });
  writeFileSync(at('san'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  await openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '3',
    '-subj',
    '/CN=weir-test-ca',
  );
  await openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'broker.key',
    '-out',
    'broker.csr',
    '-subj',
    '/CN=localhost',
  );
  await openssl(
    'x509',
    '-req',
    '-in',
    'broker.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '3',
    '-extfile',
    'san',
    '-out',
    'broker.crt',
  );
  writeFileSync(at('broker.pem'), readFileSync(at('broker.key'), 'utf8') + readFileSync(at('broker.crt'), 'utf8'));
  const { username, password } = KAFKA_TEST_USER;
  const security = 'org.apache.kafka.common.security';
  return {
    listeners: `PLAINTEXT://127.0.0.1:${node.port},CONTROLLER://127.0.0.1:${node.controllerPort},SASL://127.0.0.1:${node.saslPort},TLS://127.0.0.1:${node.tlsPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${node.port},SASL://127.0.0.1:${node.saslPort},TLS://localhost:${node.tlsPort}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256',
    'listener.name.sasl.plain.sasl.jaas.config': `${security}.plain.PlainLoginModule required user_${username}="${password}";`,
    'listener.name.sasl.scram-sha-256.sasl.jaas.config': `${security}.scram.ScramLoginModule required;`,
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': at('broker.pem'),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': at('ca.pem'),
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
  };
}
