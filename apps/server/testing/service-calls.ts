import { OperationCalls } from '#libs/features/operations/testing';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { MoveCalls } from '#libs/features/registry-moves/testing';
import { RegistryCalls } from '#libs/features/registry/testing';
import { overHttp } from '#libs/platform/testing';

/** What is asked of a whole service, feature by feature. */
export class ServiceCalls {
  readonly registry: RegistryCalls;
  readonly records: DataPlaneCalls;
  readonly operations: OperationCalls;
  readonly moves: MoveCalls;

  /** @param url where it listens; asked for with each request, so that another process can take over. */
  constructor(readonly url: () => string) {
    const service = overHttp(url);
    this.registry = new RegistryCalls(service);
    this.records = new DataPlaneCalls(service);
    this.operations = new OperationCalls(service);
    this.moves = new MoveCalls(service);
  }
}
