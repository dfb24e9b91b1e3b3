package io.lmcache.backend.redis;

import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.output.ArrayOutput;
import io.lettuce.core.output.CommandOutput;
import io.lettuce.core.output.IntegerOutput;
import io.lettuce.core.output.StatusOutput;
import io.lettuce.core.protocol.AsyncCommand;
import io.lettuce.core.protocol.Command;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.CommandType;
import io.lettuce.core.protocol.ProtocolKeyword;
import java.time.Duration;
import java.util.Collection;
import java.util.List;

/** The commands that this backend sends, each to be sent once. */
final class RedisCommands {
    private static final ByteArrayCodec CODEC = ByteArrayCodec.INSTANCE;

    private RedisCommands() {}

    /** The bytes under a name; 0 when nothing is there. */
    static AsyncCommand<byte[], byte[], Long> length(byte[] name) {
        return command(CommandType.STRLEN, new IntegerOutput<>(CODEC), args().addKey(name));
    }

    /** So many bytes under a name from an offset on, fewer at the end. */
    static AsyncCommand<byte[], byte[], Integer> piece(
            byte[] name, long offset, long count, PieceOutput.Receiver receiver) {
        return command(
                CommandType.GETRANGE,
                new PieceOutput(receiver),
                args().addKey(name).add(offset).add(offset + count - 1));
    }

    /** Stores a chunk where there is none; the reply is null where there is one. */
    static AsyncCommand<byte[], byte[], String> store(PayloadArgs args) {
        return command(CommandType.SET, new StatusOutput<>(CODEC), args);
    }

    /** Removes what is there; the reply is how many of the names that was. */
    static AsyncCommand<byte[], byte[], Long> remove(Collection<byte[]> names) {
        return command(CommandType.UNLINK, new IntegerOutput<>(CODEC), args().addKeys(names));
    }

    /** Lets a name live so long from now on. */
    static AsyncCommand<byte[], byte[], Long> expire(byte[] name, Duration ttl) {
        return command(
                CommandType.PEXPIRE,
                new IntegerOutput<>(CODEC),
                args().addKey(name).add(ttl.toMillis()));
    }

    static AsyncCommand<byte[], byte[], List<Object>> clusterSlots() {
        return command(CommandType.CLUSTER, new ArrayOutput<>(CODEC), args().add("SLOTS"));
    }

    /** A cursor and the names up to it. */
    static AsyncCommand<byte[], byte[], List<Object>> scan(byte[] cursor, String pattern) {
        return command(
                CommandType.SCAN,
                new ArrayOutput<>(CODEC),
                args().add(cursor).add("MATCH").add(pattern).add("COUNT").add(1000));
    }

    /** What the server tells of itself, a line for each fact. */
    static AsyncCommand<byte[], byte[], String> info(String section) {
        return command(CommandType.INFO, new StatusOutput<>(CODEC), args().add(section));
    }

    /** The name of a setting of the server's and its value; empty when there is none such. */
    static AsyncCommand<byte[], byte[], List<Object>> setting(String name) {
        return command(
                CommandType.CONFIG, new ArrayOutput<>(CODEC), args().add("GET").add(name));
    }

    private static CommandArgs<byte[], byte[]> args() {
        return new CommandArgs<>(CODEC);
    }

    private static <T> AsyncCommand<byte[], byte[], T> command(
            ProtocolKeyword type, CommandOutput<byte[], byte[], T> output, CommandArgs<byte[], byte[]> args) {
        return new AsyncCommand<>(new Command<>(type, output, args));
    }
}
