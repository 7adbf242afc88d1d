// What the channel between a client and the daemon costs, beside the least that two processes can do: two words of
// shared memory that answer each other. No driver, no daemon: the ring's own code, with a copy of this process as the
// reader.
//
//   ring_write, ring_read    one process, alone: a record into the ring, and out of it
//   ring_throughput          a record's share of the time while the other process reads as fast as it can
//   bare/*, ring/*           the same conversation, once over two bare words, once with a record on the way there:
//     round_trip             there and back; the way back is a word, as a stream's completion is
//     one_way                from before the writer's store until the reader has it, by the clock that both share
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstring>
#include <span>
#include <vector>

#include "ipc/channel.h"
#include "ipc/waiting.h"
#include "tests/benchmark/batch_timer.h"
#include "tests/benchmark/shared_process.h"

namespace paella::benchmarks {
namespace {

constexpr std::uint32_t kRecordKind = 1;
constexpr std::uint64_t kStop = ~std::uint64_t{0};
constexpr int kRecordsPerBatch = 512;
constexpr int kRecordsPerRun = 100'000;
constexpr int kRoundTripsPerBatch = 100;
constexpr std::size_t kLaunchPayloadBytes = 136;  // of a launch with 12 parameters
constexpr std::size_t kMaxPayloadBytes = 4096;

std::uint64_t NowNs() { return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count()); }

// What the two processes share.
struct Shared {
  alignas(ipc::kCacheLineBytes) std::atomic<std::uint64_t> question;
  alignas(ipc::kCacheLineBytes) std::atomic<std::uint64_t> answer;
  ipc::RingControl control;
  alignas(ipc::kPageBytes) std::byte ring[ipc::kRingBytes];
};

class SharedMemory {
 public:
  SharedMemory() : mapping_(MapSharedMemory(sizeof(Shared))) {}

  Shared& operator*() const { return *reinterpret_cast<Shared*>(mapping_.data()); }
  Shared* operator->() const { return &**this; }
  ipc::RingMemory ring() const { return {&(*this)->control, (*this)->ring}; }

 private:
  ipc::Mapping mapping_;
};

// Spins until `word` is no longer `old`. The other side always answers or is dead with us: see OtherProcess.
std::uint64_t AwaitChange(const std::atomic<std::uint64_t>& word, std::uint64_t old) {
  std::uint64_t value;
  while ((value = word.load(std::memory_order_acquire)) == old) ipc::CpuRelax();  // pairs with the other side's store
  return value;
}

// The writer's payload: a stand-in for a message, of which the first word counts.
class Writer {
 public:
  Writer(ipc::RingMemory memory, std::size_t payload_bytes) : ring_(memory), payload_bytes_(payload_bytes) {}

  // Waits for room.
  void Write(std::uint64_t first_word) {
    std::span<std::byte> out;
    while ((out = ring_.Reserve(kRecordKind, payload_bytes_)).empty()) ipc::CpuRelax();
    std::memcpy(out.data(), content_, payload_bytes_);
    std::memcpy(out.data(), &first_word, sizeof first_word);
    ring_.Commit();
  }

 private:
  ipc::RingWriter ring_;
  std::size_t payload_bytes_;
  std::byte content_[kMaxPayloadBytes] = {};
};

class Reader {
 public:
  explicit Reader(ipc::RingMemory memory) : ring_(memory) { payload_.reserve(kMaxPayloadBytes); }

  // Waits for the next record and returns its first word.
  std::uint64_t Read() {
    std::uint32_t kind;
    while (ring_.Read(kind, payload_) == ipc::ReadStatus::kEmpty) ipc::CpuRelax();
    std::uint64_t first_word;
    std::memcpy(&first_word, payload_.data(), sizeof first_word);
    return first_word;
  }

 private:
  ipc::RingReader ring_;
  std::vector<std::byte> payload_;
};

void WriteBatch(Writer& writer) {
  for (int i = 0; i < kRecordsPerBatch; ++i) writer.Write(0);
}

void ReadBatch(Reader& reader) {
  for (int i = 0; i < kRecordsPerBatch; ++i) reader.Read();
}

void WriteRecords(benchmark::State& state) {
  const SharedMemory shared;
  Writer writer(shared.ring(), static_cast<std::size_t>(state.range(0)));
  Reader reader(shared.ring());
  const auto write = [&] { WriteBatch(writer); };
  const auto read = [&] { ReadBatch(reader); };
  TimeBatches(state, kRecordsPerBatch, write, read);
}

void ReadRecords(benchmark::State& state) {
  const SharedMemory shared;
  Writer writer(shared.ring(), static_cast<std::size_t>(state.range(0)));
  Reader reader(shared.ring());
  const auto write = [&] { WriteBatch(writer); };
  const auto read = [&] { ReadBatch(reader); };
  write();
  TimeBatches(state, kRecordsPerBatch, read, write);
}

// The reader answers the last record of each run.
void StreamRecords(benchmark::State& state) {
  const SharedMemory shared;
  const OtherProcess reading([&] {
    Reader reader(shared.ring());
    for (std::uint64_t word; (word = reader.Read()) != kStop;) {
      if (word != 0) shared->answer.store(word, std::memory_order_release);
    }
  });
  Writer writer(shared.ring(), static_cast<std::size_t>(state.range(0)));
  std::uint64_t run = 0;
  const auto write = [&](int records) {
    for (int i = 1; i < records; ++i) writer.Write(0);
    writer.Write(++run);
    AwaitChange(shared->answer, run - 1);
  };
  write(1);  // the other process is still starting
  TimeBatches(state, kRecordsPerRun, [&] { write(kRecordsPerRun); });
  writer.Write(kStop);
}

// Both conversations: `ask(n)` sends a number, never the same twice in a row, and the answer is a word. The first batch
// is not timed: the other process is still starting.
template <typename Ask>
void TimeRoundTrips(benchmark::State& state, const SharedMemory& shared, Ask ask) {
  std::uint64_t turn = 0;
  const auto batch = [&] {
    for (int i = 0; i < kRoundTripsPerBatch; ++i) {
      ask(++turn);
      AwaitChange(shared->answer, turn - 1);
    }
  };
  batch();
  TimeBatches(state, kRoundTripsPerBatch, batch);
  ask(kStop);
}

// `ask` sends the time; the answer is how long that took.
template <typename Ask>
void TimeOneWay(benchmark::State& state, const SharedMemory& shared, Ask ask) {
  const auto send = [&] {
    const std::uint64_t sent = NowNs();
    ask(sent);
    const std::uint64_t received = AwaitChange(shared->answer, 0);
    shared->answer.store(0, std::memory_order_relaxed);
    return static_cast<double>(received - sent);
  };
  send();  // the other process is still starting
  std::vector<double> nanoseconds;
  for (auto _ : state) {
    nanoseconds.push_back(send());
    state.SetIterationTime(nanoseconds.back() * 1e-9);
  }
  ReportTimes(state, nanoseconds);
  ask(kStop);
}

// The reading side: gets each number by `next()`, until kStop, and answers what `reply(number)` says.
template <typename Next, typename Reply>
void Answer(const SharedMemory& shared, Next next, Reply reply) {
  for (std::uint64_t number; (number = next()) != kStop;) {
    shared->answer.store(reply(number), std::memory_order_release);  // pairs with AwaitChange
  }
}

template <typename Reply>
void AnswerWords(const SharedMemory& shared, Reply reply) {
  std::uint64_t last = 0;
  Answer(shared, [&] { return last = AwaitChange(shared->question, last); }, reply);
}

template <typename Reply>
void AnswerRecords(const SharedMemory& shared, Reply reply) {
  Reader reader(shared.ring());
  Answer(shared, [&] { return reader.Read(); }, reply);
}

constexpr auto kEcho = [](std::uint64_t number) { return number; };
constexpr auto kTimeOfArrival = [](std::uint64_t) { return NowNs(); };

auto AskByWord(const SharedMemory& shared) {
  return [&](std::uint64_t number) { shared->question.store(number, std::memory_order_release); };
}

void BareRoundTrip(benchmark::State& state) {
  const SharedMemory shared;
  const OtherProcess answering([&] { AnswerWords(shared, kEcho); });
  TimeRoundTrips(state, shared, AskByWord(shared));
}

void BareOneWay(benchmark::State& state) {
  const SharedMemory shared;
  const OtherProcess answering([&] { AnswerWords(shared, kTimeOfArrival); });
  TimeOneWay(state, shared, AskByWord(shared));
}

void RingRoundTrip(benchmark::State& state) {
  const SharedMemory shared;
  const OtherProcess answering([&] { AnswerRecords(shared, kEcho); });
  Writer writer(shared.ring(), kLaunchPayloadBytes);
  TimeRoundTrips(state, shared, [&](std::uint64_t number) { writer.Write(number); });
}

void RingOneWay(benchmark::State& state) {
  const SharedMemory shared;
  const OtherProcess answering([&] { AnswerRecords(shared, kTimeOfArrival); });
  Writer writer(shared.ring(), kLaunchPayloadBytes);
  TimeOneWay(state, shared, [&](std::uint64_t number) { writer.Write(number); });
}

// Part of every one-way latency: the time is read once within it.
void ReadClock(benchmark::State& state) {
  constexpr int kReads = 1000;
  std::uint64_t sum = 0;
  TimeBatches(state, kReads, [&] {
    for (int i = 0; i < kReads; ++i) sum += NowNs();
  });
  benchmark::DoNotOptimize(sum);
}

void SeveralSizes(benchmark::internal::Benchmark* row) {
  for (const std::size_t bytes : {std::size_t{32}, kLaunchPayloadBytes, std::size_t{1024}}) {
    row->Arg(static_cast<std::int64_t>(bytes));
  }
}

BENCHMARK(ReadClock)->Name("clock_read")->UseManualTime();
BENCHMARK(WriteRecords)->Name("ring_write")->ArgName("bytes")->Apply(SeveralSizes)->UseManualTime();
BENCHMARK(ReadRecords)->Name("ring_read")->ArgName("bytes")->Apply(SeveralSizes)->UseManualTime();
BENCHMARK(StreamRecords)->Name("ring_throughput")->UseManualTime()->ArgName("bytes")->Arg(kLaunchPayloadBytes);
BENCHMARK(BareRoundTrip)->Name("bare/round_trip")->UseManualTime();
BENCHMARK(RingRoundTrip)->Name("ring/round_trip")->UseManualTime();
BENCHMARK(BareOneWay)->Name("bare/one_way")->UseManualTime();
BENCHMARK(RingOneWay)->Name("ring/one_way")->UseManualTime();

}  // namespace
}  // namespace paella::benchmarks

BENCHMARK_MAIN();
