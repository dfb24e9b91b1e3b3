package io.lmcache.backend.gds;

/** The contract, with chunks that are prepared in device memory and moved by libcufile. */
class GdsBackendCufileContractTest extends GdsBackendContractTest {
    @Override
    String useCufile() {
        return "true";
    }
}
