/**
 * Writes docs/configuration.md from the schema of the settings.
 *
 *   npm run docs:configuration             write it
 *   npm run docs:configuration -- --check  fail when the committed file is not what the code says
 */
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { settingsAsMarkdown } from '#libs/platform/config';

const FILE = resolve('docs/configuration.md');

const text = await formatted(`# Configuration

<!-- Written by \`npm run docs:configuration\`; edit libs/platform/config/settings.ts instead. -->

Everything has a default; the service starts without any configuration. Settings come from a YAML file and from the environment, which wins. The
file is \`weir.server.yaml\` in the working directory, or the one \`WEIR_CONFIG\` names. A key \`log.segmentBytes\` is the member \`segmentBytes\` of
\`log\` in the file and the variable \`WEIR_LOG_SEGMENT_BYTES\`. Sizes may be written as \`128MiB\`, times as \`30s\`, \`24h\` or \`7d\`. Secrets can be given as
the name of a file that holds them.

A key that does not exist stops the start, with what was probably meant; all problems are reported together. \`SCHEMA_REGISTRY_*\` is not read.

## Settings

${settingsAsMarkdown()}
## Clusters

\`local\` is the embedded log. Any number of Kafka clusters can stand beside it:

\`\`\`yaml
clusters:
  production:
    bootstrapServers: [broker-1.example.org:9093, broker-2.example.org:9093]
    tls: { caFile: /etc/weir/ca.pem }
    sasl: { mechanism: SCRAM-SHA-512, username: weir, passwordFile: /run/secrets/kafka }
    replicationFactor: 3
defaultCluster: production
\`\`\`

In the environment the same as JSON: \`WEIR_CLUSTERS={"production":{"bootstrapServers":["broker-1.example.org:9093"]}}\`. \`tls\` is \`true\`, or names files in PEM
(\`caFile\`, \`certFile\`, \`keyFile\`) and the \`serverName\` to expect. A password file is read at every connection. [clusters.md](clusters.md) has more, and what is promised on which engine.

## Access

With \`auth.mode: token\` every request needs a token from the file \`auth.tokensFile\` names, as \`Authorization: Bearer …\` or as the password of basic
authentication (any user name), which is what registry clients send. The file holds hashes, never tokens:

\`\`\`yaml
tokens:
  - id: orders-service
    sha256: 0c0d21a7f3a6f2a6f1a3d9d3ae2ed2ba9f5d4b7ac2c9f2a7f28a5e8d2f0f7f11
    role: producer
    scope: { topic: ['orders.*'], subject: ['orders.*'], group: ['orders.*'] }
    expires: 2031-01-01T00:00:00Z
\`\`\`

Make a token and its hash with \`TOKEN=$(openssl rand -base64 32); printf %s "$TOKEN" | sha256sum\`. Roles are \`viewer\`, \`producer\`, \`registrar\`, \`operator\`,
\`governor\` and \`admin\` (or several: \`roles: [producer, registrar]\`). A scope lists names and prefixes per kind (\`topic\`, \`subject\`, \`group\`, \`view\`, \`operation\`,
\`cluster\`, \`service\`); kinds it leaves out are out of reach.

With \`auth.mode: none\` everybody may do everything, and only loopback addresses are bound unless \`http.allowOpen\` is set.
`);

if (process.argv.includes('--check')) {
  const committed = await readFile(FILE, 'utf8').catch(() => '');
  if (committed === text) console.log('docs/configuration.md is what the code says');
  else {
    console.error('docs/configuration.md is not what the code says. Run: npm run docs:configuration');
    process.exitCode = 1;
  }
} else {
  await writeFile(FILE, text);
  console.log('docs/configuration.md written');
}

/** As `npm run format` wants it, so that the two checks agree. */
async function formatted(markdown: string): Promise<string> {
  return format(markdown, { ...(await resolveConfig(FILE)), parser: 'markdown' });
}
