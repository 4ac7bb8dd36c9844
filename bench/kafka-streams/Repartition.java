import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Copies a topic to one with another number of partitions with Kafka Streams, exactly once, and writes the milliseconds from the start of the streams until the
 * positions of all records were committed. Nothing is verified.
 *
 * <p>Arguments: bootstrap servers, source, target, number of records, directory for state.
 */
public final class Repartition {
  private Repartition() {}

  public static void main(String[] args) throws Exception {
    final String application = "repartition-to-" + args[2];
    final long records = Long.parseLong(args[3]);
    final Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, args[4]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);

    final StreamsBuilder builder = new StreamsBuilder();
    builder
        .stream(args[1], Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
        .to(args[2], Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));

    try (KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        Admin admin = Admin.create(settings)) {
      final long began = System.nanoTime();
      streams.start();
      while (committed(admin, application) < records) {
        if (streams.state() == KafkaStreams.State.ERROR) throw new IllegalStateException("the streams have failed");
        Thread.sleep(20);
      }
      System.out.println((System.nanoTime() - began) / 1_000_000);
      // The group must not hold up who repartitions the source next: members of streams stay until their sessions end.
      streams.close();
      admin.removeMembersFromConsumerGroup(application, new RemoveMembersFromConsumerGroupOptions()).all().get();
      admin.deleteConsumerGroups(List.of(application)).all().get();
    }
  }

  /** The source has plain records only, no markers of transactions, so its positions count records. */
  private static long committed(Admin admin, String group) throws Exception {
    return admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().values().stream()
        .mapToLong(OffsetAndMetadata::offset)
        .sum();
  }
}
