import { HttpClient, type Answer } from '#libs/platform/testing';
import type { ProducedView, RecordsView } from '../record-shapes.js';

/** Topics, schemas and records of a running service, through its REST API. */
export class DataPlaneCalls extends HttpClient {
  topic(name: string, partitions = 1): Promise<Answer> {
    return this.post('/v1/topics', { name, partitions });
  }

  /** Registers what must be accepted. @returns the schema's id. @throws when it is not. */
  async register(
    subject: string,
    schemaType: string,
    schema: string,
    references: readonly object[] = [],
  ): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`;
    return (await this.demand<{ id: number }>('POST', path, { schemaType, schema, references })).id;
  }

  /** @param more further members of the body. */
  produce(topic: string, records: readonly object[], more: object = {}): Promise<Answer<ProducedView>> {
    return this.post(`/v1/topics/${topic}/records`, { records, ...more });
  }

  /** Records of a topic that is there, with the place where reading goes on. @param query from where and how many. */
  page(topic: string, query: string): Promise<RecordsView> {
    return this.demand('GET', `/v1/topics/${topic}/records?${query}`);
  }

  /** Everything in the topic. @param query more of the query string. */
  async read(topic: string, query = ''): Promise<RecordsView['records']> {
    return (await this.page(topic, `from=start&limit=1000${query}`)).records;
  }

  /** The bytes of the values in the topic. */
  async rawValues(topic: string): Promise<readonly Buffer[]> {
    return (await this.read(topic, '&format=binary')).map((record) => Buffer.from(String(record.value), 'base64'));
  }
}
