import type { z } from 'zod';
import { HttpClient, type Answer, type Destination } from '#libs/platform/testing';
import type { registeredShape, schemaShape, versionShape } from '../api-shapes.js';

/** Answers of the Confluent API, as the document declares them. */
export type Registered = z.infer<typeof registeredShape>;
export type ShownVersion = z.infer<typeof versionShape>;
export type ShownSchema = z.infer<typeof schemaShape>;

/** Requests to a registry: as stock clients make them, and to its native API. */
export class RegistryCalls extends HttpClient {
  constructor(destination: Destination) {
    super(destination, (url) =>
      url.startsWith('/v1/') ? 'application/json' : 'application/vnd.schemaregistry.v1+json',
    );
  }

  /** @param schema the text. @param more further members of the body. */
  register(subject: string, schema: string, more: object = {}, as?: string): Promise<Answer<Registered>> {
    return this.post(`/subjects/${encodeURIComponent(subject)}/versions`, { schema, ...more }, as);
  }

  /** Registers what must be accepted. @returns the answer's body. @throws when it is not. */
  async registered(subject: string, schema: string, more: object = {}, as?: string): Promise<Registered> {
    const answer = await this.register(subject, schema, more, as);
    if (answer.status !== 200) throw new Error(`${subject} was refused: ${answer.text}`);
    return answer.json;
  }

  /** Numbers of the live versions of what must be there. */
  versions(subject: string): Promise<readonly number[]> {
    return this.demand('GET', `/subjects/${encodeURIComponent(subject)}/versions`);
  }
}
