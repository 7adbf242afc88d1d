// A paellad that only has a control socket: answers one request as a test wants it.
#ifndef PAELLA_TESTS_PAELLACTL_FAKE_CONTROL_SERVER_H_
#define PAELLA_TESTS_PAELLACTL_FAKE_CONTROL_SERVER_H_

#include <functional>
#include <string>
#include <thread>

#include "ipc/control_socket.h"
#include "messages.h"

namespace paella {

class FakeControlServer {
 public:
  using Behaviour = std::function<void(ipc::ControlSocket& client, const ipc::ControlRequest& request)>;

  FakeControlServer();
  ~FakeControlServer();

  // What the next client gets. At most once.
  void Serve(Behaviour behaviour);
  void Reply(bool failed, const std::string& text);
  // Waits until the client was served.
  void Finish();

  // The path that programs would be given; the control socket is beside it.
  std::string path() const { return path_; }
  std::string control_path() const { return path_ + ".control"; }
  // After Finish: what was asked.
  const ipc::ControlRequest& request() const { return request_; }

 private:
  std::string folder_, path_;
  ipc::Fd listener_;
  ipc::ControlRequest request_;
  std::thread thread_;
};

}  // namespace paella

#endif  // PAELLA_TESTS_PAELLACTL_FAKE_CONTROL_SERVER_H_
