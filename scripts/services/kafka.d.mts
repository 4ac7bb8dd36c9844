/** One broker of a test cluster. */
export declare class KafkaNode {
  readonly id: number;
  readonly port: number;
  readonly pid: number | undefined;
  readonly running: boolean;
  start(): void;
  untilServing(brokers: number): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

export interface KafkaService {
  readonly bootstrapServers: string;
  readonly version: string;
  readonly clusterId: string;
  readonly nodes: readonly KafkaNode[];
  /** Runs a program of the release, by the name of its class, to its end. @returns what it wrote to stdout; rejects with the end of its output when it fails. */
  tool(main: string, args: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

export declare function startKafka(options?: {
  readonly version?: string;
  readonly nodes?: 1 | 3;
  readonly secure?: boolean;
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
  readonly jvm?: readonly string[];
}): Promise<KafkaService>;
