package io.lmcache.chunkfiles.io;

import io.lmcache.chunkfiles.directory.NewChunkFile;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;
import java.util.Set;

/**
 * The way to the payload of a new file. Thread-safe for different ranges.
 *
 * @param channels the channels; the buffered one is the new file's own
 * @param isDirect whether there is a direct one, which {@link #close()} closes
 */
public record WritableFile(PayloadChannels channels, boolean isDirect) implements Closeable {
    /** Opens the way, with O_DIRECT if so wanted; the caller closes it before the file. */
    public static WritableFile open(NewChunkFile file, boolean isDirect) throws IOException {
        if (!isDirect) {
            return new WritableFile(PayloadChannels.buffered(file.channel()), false);
        }
        FileChannel direct = file.open(Set.of(StandardOpenOption.WRITE, DirectIo.OPTION));
        return new WritableFile(PayloadChannels.direct(direct, file.channel()), true);
    }

    @Override
    public void close() throws IOException {
        if (isDirect) {
            channels.body().close();
        }
    }
}
