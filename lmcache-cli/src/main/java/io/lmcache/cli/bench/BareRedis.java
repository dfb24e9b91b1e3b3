package io.lmcache.cli.bench;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;

/**
 * The same values over bare sockets, from and into memory outside of the heap, with nothing parsed and nothing checked but lengths;
 * and by streams and arrays, as simple clients have it. Each connection has a thread. Used by one thread.
 */
final class BareRedis implements AutoCloseable {
    private static final int STREAM_BYTES = 8192;

    private final List<SocketChannel> channels = new ArrayList<>();
    private final ExecutorService threads;
    private final Arena arena = Arena.ofShared();
    private ByteBuffer[] received = {};

    BareRedis(String host, int port, int connections) throws IOException {
        this.threads = Executors.newFixedThreadPool(connections);
        for (int i = 0; i < connections; i++) {
            SocketChannel channel = SocketChannel.open(new InetSocketAddress(host, port));
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            channels.add(channel);
        }
    }

    /** What one connection does with its share. */
    @FunctionalInterface
    private interface Share {
        long run(int connection, SocketChannel channel, List<String> names) throws IOException;
    }

    private long shared(List<String> names, Share share) throws IOException {
        List<Callable<Long>> work = IntStream.range(0, channels.size())
                .<Callable<Long>>mapToObj(connection -> () -> share.run(
                        connection,
                        channels.get(connection),
                        IntStream.range(0, names.size())
                                .filter(number -> number % channels.size() == connection)
                                .mapToObj(names::get)
                                .toList()))
                .toList();
        long bytes = 0;
        try {
            for (Future<Long> part : threads.invokeAll(work)) {
                bytes += part.get();
            }
            return bytes;
        } catch (ExecutionException e) {
            throw new IOException("A bare socket failed: " + e.getCause(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("Bare sockets were interrupted", e);
        }
    }

    /** Gets values of that length, the next asked for before the last has come; returns their bytes. */
    long get(List<String> names, long valueBytes) throws IOException {
        ByteBuffer[] buffers = buffers(valueBytes);
        String before = "$" + valueBytes + "\r\n";
        int replyBytes = Math.toIntExact(before.length() + valueBytes + 2);
        return shared(names, (connection, channel, own) -> {
            ByteBuffer buffer = buffers[connection];
            for (int i = 0; i < own.size(); i++) {
                if (i == 0) {
                    send(channel, ask("GET", own.getFirst()));
                }
                if (i + 1 < own.size()) {
                    send(channel, ask("GET", own.get(i + 1)));
                }
                receive(channel, buffer.clear().limit(replyBytes));
                requireStart(before, buffer);
            }
            return valueBytes * own.size();
        });
    }

    /** Memory that is committed, one for each connection. */
    private ByteBuffer[] buffers(long valueBytes) {
        if (received.length == 0 || received[0].capacity() < valueBytes + 64) {
            received = channels.stream()
                    .map(_ -> arena.allocate(valueBytes + 64).fill((byte) 1).asByteBuffer())
                    .toArray(ByteBuffer[]::new);
        }
        return received;
    }

    /** Sets values, each a page and the payload, one after another; returns the bytes of the payloads. */
    long set(List<String> names, MemorySegment payload) throws IOException {
        return shared(names, (_, channel, own) -> {
            ByteBuffer reply = ByteBuffer.allocateDirect(5);
            for (String name : own) {
                ByteBuffer[] parts = {head(name, payload.byteSize()), payload.asByteBuffer(), ascii("\r\n$2\r\nNX\r\n")
                };
                while (parts[2].hasRemaining()) {
                    channel.write(parts);
                }
                receive(channel, reply.clear());
                requireStart("+OK\r\n", reply);
            }
            return payload.byteSize() * own.size();
        });
    }

    private static ByteBuffer head(String name, long payloadBytes) {
        byte[] start = setStart(name, payloadBytes);
        return ByteBuffer.allocateDirect(start.length + 4096).put(start).clear();
    }

    private static byte[] setStart(String name, long payloadBytes) {
        return ("*4\r\n$3\r\nSET\r\n$" + name.length() + "\r\n" + name + "\r\n$" + (4096 + payloadBytes) + "\r\n")
                .getBytes(StandardCharsets.US_ASCII);
    }

    /** As {@link #get}, by a stream into an array, and from that to where the payload belongs. */
    long getByArrays(List<String> names, MemorySegment payload, int headerBytes) throws IOException {
        return shared(names, (_, channel, own) -> {
            InputStream in = new BufferedInputStream(channel.socket().getInputStream(), STREAM_BYTES);
            for (String name : own) {
                send(channel, ask("GET", name));
                byte[] value = in.readNBytes(Integer.parseInt(line(in).substring(1)));
                line(in);
                MemorySegment.copy(value, headerBytes, payload, ValueLayout.JAVA_BYTE, 0, value.length - headerBytes);
            }
            return payload.byteSize() * own.size();
        });
    }

    /** As {@link #set}, from an array into a stream. */
    long setByArrays(List<String> names, MemorySegment payload) throws IOException {
        return shared(names, (_, channel, own) -> {
            InputStream in = new BufferedInputStream(channel.socket().getInputStream(), STREAM_BYTES);
            OutputStream out = new BufferedOutputStream(channel.socket().getOutputStream(), STREAM_BYTES);
            for (String name : own) {
                byte[] value = new byte[Math.toIntExact(4096 + payload.byteSize())];
                MemorySegment.copy(payload, ValueLayout.JAVA_BYTE, 0, value, 4096, value.length - 4096);
                out.write(setStart(name, payload.byteSize()));
                out.write(value);
                out.write("\r\n$2\r\nNX\r\n".getBytes(StandardCharsets.US_ASCII));
                out.flush();
                if (!line(in).equals("+OK")) {
                    throw new IOException("A value was not set");
                }
            }
            return payload.byteSize() * own.size();
        });
    }

    private static String line(InputStream in) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = in.read(); c != '\n'; c = in.read()) {
            if (c < 0) {
                throw new EOFException("The server has closed the connection");
            }
            if (c != '\r') {
                line.append((char) c);
            }
        }
        return line.toString();
    }

    /** Asks for the length of all values in one go; returns how many there are. */
    long lengths(List<String> names) throws IOException {
        StringBuilder commands = new StringBuilder();
        names.forEach(name -> commands.append("*2\r\n$6\r\nSTRLEN\r\n$")
                .append(name.length())
                .append("\r\n")
                .append(name)
                .append("\r\n"));
        SocketChannel channel = channels.getFirst();
        send(channel, ascii(commands.toString()));
        ByteBuffer reply = ByteBuffer.allocate(STREAM_BYTES);
        int lines = 0;
        while (lines < names.size()) {
            if (channel.read(reply.clear()) < 0) {
                throw new EOFException("The server has closed the connection");
            }
            for (int i = 0; i < reply.position(); i++) {
                lines += reply.get(i) == '\n' ? 1 : 0;
            }
        }
        return lines;
    }

    private static ByteBuffer ask(String command, String name) {
        return ascii(
                "*2\r\n$" + command.length() + "\r\n" + command + "\r\n$" + name.length() + "\r\n" + name + "\r\n");
    }

    private static ByteBuffer ascii(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
    }

    private static void send(SocketChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    private static void receive(SocketChannel channel, ByteBuffer into) throws IOException {
        while (into.hasRemaining()) {
            if (channel.read(into) < 0) {
                throw new EOFException("The server has closed the connection");
            }
        }
    }

    private static void requireStart(String expected, ByteBuffer reply) throws IOException {
        byte[] start = new byte[expected.length()];
        reply.get(0, start);
        String found = new String(start, StandardCharsets.ISO_8859_1);
        if (!found.equals(expected)) {
            throw new IOException("The server answers '" + found.strip() + "'; give it more memory");
        }
    }

    @Override
    public void close() throws IOException {
        threads.close();
        for (SocketChannel channel : channels) {
            channel.close();
        }
        arena.close();
    }
}
