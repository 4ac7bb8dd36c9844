/** A test broker that asks who is there: SASL, TLS, mutual TLS and ACLs beside the open listener. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findCommand, installDebian, run } from './service-process.mjs';

/** The user of the SASL listener: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. */
export const KAFKA_TEST_USER = { username: 'app', password: 'secret' };

/** Who a client with the certificate of the tests is to the broker. */
const CERTIFIED = 'weir-test-client';

/**
 * Settings that put listeners with SASL (PLAIN, SCRAM), TLS and mutual TLS beside the open one, and an authorizer before all: whoever comes without a name, and
 * the client with the certificate, may do everything, the user of SASL nothing without an ACL.
 */
export async function secureProperties(node, home) {
  if (findCommand('openssl') === undefined) await installDebian(['openssl'], 'Kafka with TLS');
  const at = (name) => join(home, name);
  const openssl = (line) => run('openssl', line.split(' '), { cwd: home });
  writeFileSync(at('san'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  await openssl('req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 3 -subj /CN=weir-test-ca');
  for (const [file, name] of [
    ['broker', 'localhost'],
    ['client', CERTIFIED],
  ]) {
    await openssl(`req -newkey rsa:2048 -nodes -keyout ${file}.key -out ${file}.csr -subj /CN=${name}`);
    await openssl(
      `x509 -req -in ${file}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3 -extfile san -out ${file}.crt`,
    );
  }
  writeFileSync(at('broker.pem'), readFileSync(at('broker.key'), 'utf8') + readFileSync(at('broker.crt'), 'utf8'));
  const { username, password } = KAFKA_TEST_USER;
  const security = 'org.apache.kafka.common.security';
  const scram = `${security}.scram.ScramLoginModule required;`;
  const { port, controllerPort, saslPort, tlsPort, mutualPort } = node;
  const open = `PLAINTEXT://127.0.0.1:${port}`;
  const secured = `SASL://127.0.0.1:${saslPort}`;
  return {
    listeners: `${open},CONTROLLER://127.0.0.1:${controllerPort},${secured},TLS://127.0.0.1:${tlsPort},MUTUAL://127.0.0.1:${mutualPort}`,
    'advertised.listeners': `${open},${secured},TLS://localhost:${tlsPort},MUTUAL://localhost:${mutualPort}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL,MUTUAL:SSL',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.sasl.plain.sasl.jaas.config': `${security}.plain.PlainLoginModule required user_${username}="${password}";`,
    'listener.name.sasl.scram-sha-256.sasl.jaas.config': scram,
    'listener.name.sasl.scram-sha-512.sasl.jaas.config': scram,
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': at('broker.pem'),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': at('ca.pem'),
    'listener.name.mutual.ssl.client.auth': 'required',
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': `User:ANONYMOUS;User:CN=${CERTIFIED}`,
  };
}
