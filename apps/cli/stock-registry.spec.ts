import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { avroRecord, runWeir, ScratchProject } from './testing/index.js';

interface Version {
  readonly schema: string;
  readonly schemaType?: string;
  readonly references?: readonly object[];
}

const ID = '{"name": "id", "type": "long"}';
const MONEY = avroRecord('Money', '{"name": "cents", "type": "long"}');
const ORDER = avroRecord('Order', ID, '{"name": "total", "type": "shop.Money"}');
const ORDER_3 = avroRecord(
  'Order',
  ID,
  '{"name": "total", "type": "shop.Money"}',
  '{"name": "n", "type": "int", "default": 0}',
);
const ORDER_1 = avroRecord('Order', '{"name": "id", "type": "string"}', '{"name": "total", "type": "shop.Money"}');
const COIN = 'syntax = "proto3";\npackage shop;\nmessage Coin {\n  int64 cents = 1;\n}\n';
const TO_MONEY = [{ name: 'shop.Money', subject: 'money-value', version: 1 }];

describe('weir check against a registry that is not Weir', () => {
  const servers: Server[] = [];
  const projects: ScratchProject[] = [];
  afterEach(async () => {
    for (const project of projects.splice(0)) project.remove();
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
  });

  /** The paths that stock serializers and tools use, in their media type, below a path; Avro is not named. Everything else is a page of a proxy. */
  const registry = async (subjects: Readonly<Record<string, readonly Version[]>>, base = '') => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url!, 'http://x');
      asked.push(`${request.method} ${pathname}`);
      const answer = (status: number, body: unknown): void =>
        void response
          .writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' })
          .end(JSON.stringify(body));
      if (request.headers.authorization !== `Basic ${Buffer.from('u:p').toString('base64')}`)
        return answer(401, { error_code: 401, message: 'Unauthorized' });
      const [kind, subject = '', , number] = pathname.slice(base.length + 1).split('/');
      if (!pathname.startsWith(`${base}/`) || (kind !== 'config' && kind !== 'subjects'))
        return void response.writeHead(404, { 'content-type': 'text/html' }).end('<html>Not here.</html>');
      if (kind === 'config' && subject === '') return answer(200, { compatibilityLevel: 'BACKWARD_TRANSITIVE' });
      if (kind === 'config')
        return subject === 'coin-value'
          ? answer(200, { compatibilityLevel: 'FORWARD' })
          : answer(404, { error_code: 40408, message: `Subject '${subject}' does not have subject-level config` });
      const versions = subjects[subject];
      if (versions === undefined) return answer(404, { error_code: 40401, message: `Subject '${subject}' not found.` });
      if (number === undefined)
        return answer(
          200,
          versions.map((_, at) => at + 1),
        );
      const version = number === 'latest' ? versions.length : Number(number);
      const found = versions[version - 1];
      return found === undefined
        ? answer(404, { error_code: 40402, message: `Version ${number} not found.` })
        : answer(200, { subject, version, id: version, ...found });
    });
    servers.push(server);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${base}`;
    return { url, asked };
  };
  const check = async (
    url: string,
    files: Record<string, string>,
    schemas: string,
    more: Record<string, string> = {},
  ) => {
    const project = new ScratchProject({ 'weir.yaml': `apiVersion: v1\nschemas:\n${schemas}`, ...files });
    projects.push(project);
    const env = { SCHEMA_REGISTRY_URL: url, SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO: 'u:p', ...more };
    const { code, out } = await runWeir(['check', '--against', 'registry', '-o', 'json'], { cwd: project.path, env });
    return {
      code,
      ...(JSON.parse(out) as {
        data: {
          schemas: { subject: string; status: string; level: string; levelOrigin: string; comparedWith: number[] }[];
          findings: { ruleId: string; subject: string; againstVersion: number | null; location: object }[];
        } | null;
        error: { code: string; hint: string } | null;
      }),
    };
  };
  const STOCK = {
    'money-value': [{ schema: MONEY }],
    'order-value': [
      { schema: ORDER_1, references: TO_MONEY },
      { schema: ORDER, references: TO_MONEY },
    ],
    'coin-value': [{ schema: COIN, schemaType: 'PROTOBUF' }],
  };

  it('gives the verdict of each level by its own paths alone, references and all versions included', async () => {
    for (const base of ['', '/apis/ccompat/v7']) {
      const { url, asked } = await registry(STOCK, base);
      const { code, data } = await check(
        url,
        {
          'order.avsc': ORDER_3,
          'coin.proto': COIN.replace('cents = 1', 'cents = 1;\n  string note = 2'),
          'new.avsc': MONEY,
        },
        '  - { subject: order-value, file: order.avsc, references: [{ subject: money-value, name: shop.Money }] }\n  - { subject: coin-value, file: coin.proto }\n  - { subject: new-value, file: new.avsc }\n',
      );
      expect([
        code,
        data!.schemas.map(({ subject, status, level, comparedWith }) => [subject, status, level, comparedWith]),
      ]).toEqual([
        1,
        [
          ['order-value', 'incompatible', 'BACKWARD_TRANSITIVE', [2, 1]],
          ['coin-value', 'compatible', 'FORWARD', [1]],
          ['new-value', 'new', 'BACKWARD_TRANSITIVE', []],
        ],
      ]);
      // The latest version alone would have let it through.
      expect(data!.findings.filter(({ subject }) => subject === 'order-value')).toMatchObject([
        { ruleId: 'avro/type-mismatch', againstVersion: 1, location: { file: 'order.avsc', startLine: 4 } },
      ]);
      // Nothing twice: the level of all subjects, what several refer to, a level that the comparison needs, too.
      expect(asked.filter((one, at) => asked.indexOf(one) !== at)).toEqual([]);
      expect(asked.filter((one) => !/^GET (\/apis\/ccompat\/v7)?\/(subjects|config)(\/|$)/.test(one))).toEqual([]);
    }
  });

  it('is not taken for a registry where it answers as none: a page of a proxy is no new subject', async () => {
    const { url } = await registry(STOCK, '/apis/ccompat/v7');
    const one = '  - { subject: money-value, file: money.avsc, compatibility: FULL }\n';
    const wrong = await check(url.replace('/apis/ccompat/v7', ''), { 'money.avsc': MONEY }, one);
    expect(wrong).toMatchObject({
      code: 7,
      data: null,
      error: { code: 'no-registry', hint: expect.stringContaining('path') },
    });
    const refused = await check(url, { 'money.avsc': MONEY }, one, { SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO: 'u:x' });
    expect(refused).toMatchObject({ code: 6, data: null, error: { code: 'registry-401' } });
  });
});
