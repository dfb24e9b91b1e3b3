package io.lmcache.backend.posix;

/** The same with O_DIRECT, where small chunks are read together with their header. */
class CorruptionDirectIoTest extends CorruptionTest {
    @Override
    String useDirectIo() {
        return "true";
    }
}
