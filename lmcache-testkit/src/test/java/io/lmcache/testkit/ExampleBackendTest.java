package io.lmcache.testkit;

/** A third party's backend passes the contract. */
class ExampleBackendTest extends ExampleBackend.Contract {
    @Override
    ExampleBackend over(ExampleBackend.Disk disk, long capacity) {
        return new ExampleBackend(disk, capacity);
    }
}
