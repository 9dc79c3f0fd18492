// Answers the client's Open frames: makes the connections and UDP sockets that they ask for.
#pragma once

#include <memory>

#include "common/core/mux.hpp"
#include "common/io/log.hpp"
#include "common/io/relay.hpp"
#include "common/io/spare_memory.hpp"
#include "proxy/egress/egress.hpp"
#include "proxy/io/descriptor_reserve.hpp"
#include "proxy/names/namer.hpp"
#include "proxy/names/virtual_names.hpp"
#include "proxy/udp/udp_flow.hpp"

namespace tfunnel::proxy {

class Dialer final : public core::FlowAcceptor {
 public:
  /// All that is referred to must outlive the io_context's last handler.
  /// `namer`, which may be null, finds the names that the egress wants.
  Dialer(asio::io_context& context, Egress& egress, UdpFlows& datagrams, DescriptorReserve& reserve, const io::Log& log,
         Namer* namer = nullptr);

  /// The mux whose flows are answered; it must be set before the first flow, and outlive the io_context's last handler.
  void serve(core::Mux& mux);

  /// A name is remembered as long as there is a flow to its virtual address. `names`, which may be null, must outlive
  /// this.
  void keep_names_of_flows(VirtualNames* names) { virtual_names_ = names; }

  std::shared_ptr<core::FlowHandler> accept(core::Flow& flow) override;

 private:
  std::shared_ptr<core::FlowHandler> dial(core::Flow& flow);
  /// By name or address, whichever the upstream can do with.
  result<tcp::socket> connect(Target target, io::Relay& relay, const asio::yield_context& yield);
  result<tcp::socket> connect_once(const Target& target, const asio::yield_context& yield);
  void keep_name(io::Relay& relay, const core::Endpoint& destination);
  void dial_flow(const Target& target, const std::shared_ptr<io::Relay>& relay, const asio::yield_context& yield);

  asio::io_context& context_;
  Egress& egress_;
  UdpFlows& datagrams_;
  DescriptorReserve& reserve_;
  const io::Log& log_;
  Namer* namer_;
  io::SpareMemory spare_memory_;
  VirtualNames* virtual_names_ = nullptr;
  core::Mux* mux_ = nullptr;
};

}  // namespace tfunnel::proxy
