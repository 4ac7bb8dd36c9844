import { HttpClient, type Answer } from '#libs/platform/testing';
import type { UploadView } from '../import-shapes.js';

/** Exports and uploads of a running service, through its REST API. */
export class MoveCalls extends HttpClient {
  /** The registry as a file. @param query of the route. */
  async exported(query = ''): Promise<string> {
    return (await this.get(`/v1/registry-export${query}`)).text;
  }

  upload(file: string): Promise<Answer<UploadView>> {
    return this.post('/v1/registry-imports/uploads', file, undefined, { 'content-type': 'application/x-ndjson' });
  }

  /** Uploads what must be taken. @returns the upload's id. @throws when it is not. */
  async uploaded(file: string): Promise<string> {
    const { status, json, text } = await this.upload(file);
    if (status !== 201) throw new Error(`The upload was answered ${status}: ${text}`);
    return json.id;
  }
}
